"""Small templates, one feature each, for make_template_goldens.py."""
VARIABLES = {
    "s": "Hello World", "u": "  Ünïcödé ß 日本\n", "empty": "", "n": 7, "neg": -3, "x": 2.5, "t": True, "f": False, "nil": None,
    "l": [3, 1, 2], "ls": ["b", "A", "c", "a"], "d": {"b": 1, "a": "two", "items": 3}, "e": [], "ed": {},
    "m": [{"role": "user", "content": "hi", "n": 2}, {"role": "bot", "content": "yo", "n": 1}, {"role": "user", "content": "ok"}],
    "deep": {"k": [{"z": {"y": [1, {"w": "end"}]}}]}, "html": "<a href=\"x\">'&'</a>", "lines": "one\ntwo\n\nthree\n", "num": "42", "fl": "3.75",
    "big": 9007199254740993, "exp": 1e20, "small": 1.5e-7, "esc": "q\"uo\\te\t\u0001é\u2028",
}
_EXPR = """
s|n|neg|x|t|f|nil|l|ls|d|e|ed|big|exp|small|missing|esc
""".strip().split("|")
SNIPPETS = ["{{ " + e + " }}" for e in _EXPR] + ["{{ " + e + "|tojson }}" for e in _EXPR]
SNIPPETS += ["{{ %s }}" % e for e in """
1 + 2 * 3
(1 + 2) * 3
7 // 2
-7 // 2
7 % 3
-7 % 3
7 % -3
7 / 2
6 / 2
2 ** 10
2 ** -1
2 ** 3 ** 2
-2 ** 2
1 - 2 - 3
1.5 + 1
0.1 + 0.2
1e3
1_000
10 // 0
10 / 0
10 % 0
7.5 // 2
7.5 % 2
-7.5 % 2
n + x
t + 1
t + t
-t
+n
--n
- x
n + s
s + n
s + nil
l + [4]
l + s
[1] * 3
3 * 'ab'
'ab' * 0
'ab' * -1
'a' 'b' "c"
'a' ~ 1 ~ none ~ true ~ missing ~ [1, 'x']
1 ~ 2 + 3
1 + 2 ~ 3
s ~ '!'
not t
not missing
not not 0
t and f
s and n
empty or 'default'
empty and n
nil or missing or 'z'
t or missing.foo
f and missing.foo
1 == 1.0
1 == true
'a' == 'a'
'1' == 1
nil == none
missing == none
missing == missing2
[1, 2] == [1, 2]
(1, 2) == [1, 2]
{'a': 1} == {'a': 1.0}
1 != 2
1 < 2
1 < 2 < 3
1 < 2 > 3
3 > 2 >= 2 == 2
'a' < 'b'
'a' < 1
[1, 2] < [1, 3]
nil < 1
missing < 1
1 in l
4 in l
4 not in l
'lo' in s
'xx' not in s
1 in s
'a' in d
'z' in d
'z' in missing
1 in nil
'a' in n
not 'a' in d
not 1 in l
1 if t else 2
1 if f else 2
1 if f
(1 if f) is defined
'a' if f else 'b' if f else 'c'
'a' if t if f else 'b'
s[0]
s[-1]
s[100]
s[1:3]
s[:-1]
s[::-1]
s[::2]
s[5:0:-2]
s[-3:]
s[100:]
s[:100]
u[2:6]
u|length
l[0]
l[-1]
l[9]
l[1:]
l[::-1]
l[:1]
l[-2:]
l[5:]
l[::0]
l['a']
l.0
l.9
d.a
d['a']
d.zzz
d['zzz']
d.zzz is defined
d['items']
d.items is callable
d.zzz.y
missing.y
missing['y']
nil.y
nil['y']
n.y
nil[1:]
missing[1:]
d[1:]
deep.k[0].z.y[1].w
deep['k'][0]['z']['y'][-1]['w']
[1, 2, 3][1]
{'a': {'b': 2}}.a.b
{'a': 1, 'a': 2}
{}
[]
()
(1,)
(1, 2)
1, 2
[1, 'a', none, true, 2.0, {'k': [()]}]
"it's"
['it\\'s', 'say "hi"', "both ' and \\""]
['\\n\\t\\x00\\x7f é\\u200b😀']
'\\u00e9\\x41\\101\\z'
'tab\\there'
s is defined
missing is defined
missing is undefined
missing is not defined
nil is none
nil is not none
missing is none
s is string
n is string
d is mapping
l is mapping
l is iterable
s is iterable
n is iterable
missing is iterable
d is iterable
nil is iterable
l is sequence
s is sequence
d is sequence
n is sequence
missing is sequence
n is number
x is number
t is number
s is number
n is integer
t is integer
x is integer
x is float
n is float
t is boolean
n is boolean
t is true
f is false
n is true
1 is true
0 is false
n is odd
n is even
n is divisibleby 7
n is divisibleby(2)
n is eq 7
n is equalto 7
n is ne 7
n is gt 3
n is lt(3)
n is ge 7
n is le 6
n is greaterthan 3
n is lessthan 3
n is in l
1 is in([1, 2])
'a' is in 'abc'
s is upper
'ABC' is upper
'abc' is lower
s is sameas s
nil is sameas none
range is callable
s is callable
x is escaped
s is nosuchtest
n is divisibleby
s is string and n is number
s is not string or n is number
s|upper
s|lower
u|upper
u|lower
'hELLO wORLD'|capitalize
'hello-world foo(bar) it\\'s'|title
'hello world it\\'s x1y'.title()
s|length
l|length
d|length
missing|length
n|length
nil|length
s|count
l|first
l|last
e|first
e|last
s|first
s|last
d|first
l|sort
l|sort(reverse=true)
ls|sort
ls|sort(case_sensitive=true)
m|sort(attribute='role')|map(attribute='content')|list
[1, 'a']|sort
l|reverse|list
s|reverse
ls|join
ls|join(', ')
l|join('-')
m|join(',', attribute='role')
[1, none, true]|join('/')
missing|join(',')
n|join(',')
l|list
s|list
d|list
missing|list
n|list
n|string
nil|string
l|string
x|string + '!'
num|int
fl|int
x|int
'abc'|int
'abc'|int(5)
'abc'|int(default=-1)
'0x1F'|int(0, 16)
'1F'|int(0, 16)
' 12 '|int
nil|int
l|int
fl|float
num|float
'abc'|float
'abc'|float(1.5)
n|float
neg|abs
x|abs
s|abs
x|round
2.567|round(2)
2.5|round
3.5|round
2.567|round(1, 'ceil')
2.567|round(1, 'floor')
42.55|round(1, 'nope')
n|round
1234.5|round(-2)
missing|default('zz')
empty|default('zz')
empty|default('zz', true)
nil|default('zz')
nil|default('zz', boolean=true)
missing|d
d.zzz|default('none')
missing.x|default('none')
u|trim
'xxhixx'|trim('x')
'  a '|trim + '|'
n|trim
missing|trim
s|replace('o', '0')
s|replace('o', '0', 1)
s|replace('', '-')
s|replace('o')
n|replace('7', '8')
html|escape
html|e
html|safe
'a b/c?d=é&x'|urlencode
lines|indent
lines|indent(2)
lines|indent(2, true)
lines|indent(2, true, true)
lines|indent('> ')
lines|indent(width=1, first=true)
s|wordcount
d|items|list
ed|items|list
missing|items|list
l|items|list
d|dictsort
d|dictsort(reverse=true)
{'B': 1, 'a': 2}|dictsort
{'B': 1, 'a': 2}|dictsort(true)
{'B': 2, 'a': 1}|dictsort(by='value')
l|map('string')|list
ls|map('upper')|join
ls|map('replace', 'a', 'z')|join
m|map(attribute='role')|list
m|map(attribute='n')|list
m|map(attribute='n', default=0)|list
m|map(attribute='n')|map('default', 9)|list
m|map|list
deep.k|map(attribute='z.y')|list
[['a', 1], ['b', 2]]|map(attribute=0)|list
[['a', 1], ['b', 2]]|map(attribute='1')|list
[['a', 1], ['b', 2]]|map('first')|list
[0, 1, '', 'a', none]|select|list
[0, 1, '', 'a', none]|reject|list
l|select('odd')|list
l|select('gt', 1)|list
l|reject('equalto', 1)|list
l|select('in', [1, 2])|list
ls|select('nosuch')|list
m|selectattr('role', 'equalto', 'user')|list|length
m|selectattr('role', '==', 'user')|map(attribute='content')|join(' ')
m|selectattr('n')|list|length
m|selectattr('n', 'defined')|list|length
m|rejectattr('role', 'eq', 'user')|map(attribute='content')|list
m|rejectattr('n', 'defined')|list|length
m|rejectattr('n')|list|length
l|sum
m|map(attribute='n')|select('defined')|sum
[{'v': 1}, {'v': 2}]|sum(attribute='v')
[{'v': 1}, {'v': 2}]|sum('v', 10)
e|sum
ls|sum
l|min
l|max
e|max
ls|min
m|max(attribute='content')
[1, 2, 1, 3, 2]|unique|list
ls|unique|list
['a', 'A']|unique|list
['a', 'A']|unique(true)|list
l|batch(2)|list
l|batch(2, 'x')|list
m|groupby('role')|length
d|attr('a')
s|attr('upper') is callable
missing|attr('x')
'%s is %d'|format('x', 3)
'%s %s' % ('a', 1)
'%s' % s
'%d%%' % n
'%s' % (1, 2)
'%r' % 'q'
s|center(21) ~ '|'
s|nosuchfilter
s|upper|lower|title
(s ~ n)|length
-n|abs
-1|abs
[1,2]|length + 1
1 + [1,2]|length
s is string|upper
d|tojson
d|tojson(indent=2)
m|tojson(indent=4)
e|tojson(indent=2)
ed|tojson(indent=2)
[e, ed]|tojson(indent=2)
d|tojson(sort_keys=true)
l|tojson(separators=(',', ':'))
d|tojson(separators=(',', ': '), indent=1)
u|tojson
u|tojson(ensure_ascii=true)
'😀'|tojson(ensure_ascii=true)
esc|tojson
html|tojson
x|tojson
1.0|tojson
exp|tojson
missing|tojson
range|tojson
d|tojson(indent='--')
(1, 2)|tojson
range(3)|list
range(1, 4)|list
range(5, 0, -2)|list
range(0)|list
range(3)|sum
range(1, 2, 0)|list
range(1000000)|length
range('a')
dict(a=1, b='x')
dict({'a': 1}, b=2)
namespace(a=1).a
namespace(a=1).b
namespace(a=1).b is defined
namespace({'a': 5}).a
s.upper()
s.lower()
s.strip()
u.strip() ~ '|'
u.lstrip() ~ '|'
u.rstrip() ~ '|'
'xxhixx'.strip('x')
'xyhiyx'.strip('xy')
'xxhixx'.lstrip('x')
'xxhixx'.rstrip('x')
'日本語日'.strip('日')
s.split()
s.split(' ')
s.split('o')
s.split('o', 1)
s.split('zz')
s.split('')
'  a  b '.split()
'  a  b '.split(' ')
'a b c d'.split(none, 2)
'a b c d'.split(maxsplit=1)
'a,b,c'.rsplit(',', 1)
'a b c d'.rsplit(none, 2)
'a,b,c'.split(',')[-1]
lines.splitlines()
lines.splitlines(true)
'a\\r\\nb\\rc'.splitlines()
s.startswith('He')
s.startswith('he')
s.startswith(('x', 'H'))
s.startswith(1)
s.endswith('ld')
s.endswith('')
s.replace('l', 'L')
s.replace('l', 'L', 2)
s.replace('l')
s.find('o')
s.rfind('o')
s.find('zz')
u.find('日')
s.index('W')
s.index('zz')
s.count('o')
s.count('')
s.title()
s.capitalize()
'abc'.isalpha()
'ab1'.isalpha()
'123'.isdigit()
''.isdigit()
'ab1'.isalnum()
' \\n'.isspace()
'ABC'.isupper()
'abc1'.islower()
'A1'.islower()
', '.join(ls)
','.join(l)
'42'.zfill(5)
'-42'.zfill(5)
'ab'.ljust(5) ~ '|'
'ab'.rjust(5, '*')
'ab'.center(5, '*')
'abc'.center(6, '*')
'a=b=c'.partition('=')
'a=b=c'.rpartition('=')
'abc'.partition('=')
'prefix-x'.removeprefix('prefix-')
'x.txt'.removesuffix('.txt')
s.nosuch()
s.nosuch
d.get('a')
d.get('zz')
d.get('zz', 'fallback')
d.keys()|list
d.values()|list
d.items()|list
d.copy()
d.pop('a')
d.update({'a': 1})
l.append(4)
l.index(1)
l.index(9)
l.count(1)
missing()
missing.foo()
s()
nil.foo()
d.a()
raise_exception('custom message')
raise_exception('with ' ~ n)
strftime_now('%Y-%m-%d')
strftime_now('%d %b %Y')
strftime_now('%A %H:%M:%S %j %%')
s | upper | replace('L', 'l')
(l|length) > 2
l|length > 2 and s|length == 11
"}}"
"{{ x }}"
'{% if %}'
{'a': {'b': {}}}
[[1, 2], [3]]|map('length')|sum
none
None
True
False
true
nil is none and missing is undefined
not nil is none
not (t and f)
1 if s is string else 0
1 if 'x' in d else 0
d.a if d.a is defined else 'no'
m[0].role
m[-1]['content']
m[0]['role'] ~ ':' ~ m[0].content
m[9].role
m[9].role is defined
m|first
(m|last).content
loop
9223372036854775807 + 0
9223372036854775807
0.1
100000.0
1e15
1e16
123456789.123456789
1.0e-5
-0.0
1/3
""".strip().split("\n")]
SNIPPETS += [
    # Output and white space control.
    "", "plain", "a\n", "a\n\n", "\n", "a\r\nb\rc", "{{ s }}\n", "{{ s }}\n\nx", "a {{- s }} b", "a {{ s -}} b", "a\n  {{- s -}}\n  b", "{# c #}x", "x {# c #} y",
    "  {# c #}\nx", "x\n  {# c #}\ny", "x {#- c -#} y", "{% if t %}\nyes\n{% endif %}\nend", "  {% if t %}  \n  yes\n  {% endif %}  \nend",
    "a\n    {% if t %}\n    b\n    {% endif %}\nc", "a {% if t %} b {% endif %} c", "a\t{% if t %}b{% endif %}", "x\n\t {% if t %}b{% endif %}",
    "a  {%- if t %}  b  {%- endif %}  c", "a  {% if t -%}  b  {% endif -%}  c", "  {%+ if t %}b{% endif %}", "{% if t +%}\nb{% endif %}", "{% if t %}\n\nb{% endif %}",
    "{{ s }}{% if t %}\n{% endif %}\n{{ n }}", "a\n\n  {%- if t -%}\n\n b \n{%- endif -%}\n c", "{%- if t -%} x {%- endif -%}", "{{-s-}}", "{{s}}", "{{ 'a' }}{{ 'b' }}",
    "{{ s }} {{ n }}\n{{ x }}\n", "{% raw %}{{ s }} {% if %}{% endraw %}", "{% raw %}\n a {% endraw %}\nb", "a {%- raw -%} b {%- endraw -%} c", "{% raw %}x",
    "{ {{ s }} }", "{{ '{' }}{{ '}' }}", "{ { } }", "{", "{%", "{{", "{#", "{# a", "}}", "%}", "{{ }}", "{% %}", "{{ s", "{% if t", "a{", "{{ s }", "{{ s } }",
    "{%- set x = 1 -%}\n\n{{ x }}", "{{ \"a\nb\" }}", "{# multi\nline #}\nx", "x\n{# c #}\n\ny", "{{ 'é' }}é", "\u2003{% if t %}x{% endif %}", "a\n\u2003{% if t %}x{% endif %}",
    "{{ s -}}\n\n  \t x", "{{ s }}-{{ n }}", "{{ -n }}", "{{- -n }}", "{{ n -1 }}", "{{ n-1 }}", "{{ [1,2,] }}", "{{ {'a':1,} }}", "{{ (1,2,) }}", "{{ [1 2] }}", "{{ 1 2 }}", "{{ a b }}",
    "{{ 'unclosed }}", "{{ s | }}", "{{ | s }}", "{{ s. }}", "{{ s.1a }}", "{{ s[ }}", "{{ s[] }}", "{{ (1 }}", "{{ 1) }}", "{{ [1) }}", "{{ @ }}", "{{ $x }}", "{{ a = 1 }}", "{{ not }}", "{{ 1 + }}",
    "{{ s is }}", "{{ s is not }}", "{{ s is defined is defined }}", "{{ 1 if }}", "{{ f(a=1, 2) }}", "{{ x.y.z }}", "{{ ~ 1 }}", "{{ 1 ? 2 : 3 }}", "{{ t && f }}", "{{ !t }}",
    # if
    "{% if t %}a{% else %}b{% endif %}", "{% if f %}a{% elif t %}b{% else %}c{% endif %}", "{% if f %}a{% elif f %}b{% endif %}", "{% if missing %}a{% else %}b{% endif %}",
    "{% if missing.x %}a{% endif %}", "{% if e %}a{% else %}b{% endif %}", "{% if t %}{% if f %}a{% else %}b{% endif %}{% endif %}", "{% if t %}", "{% endif %}", "{% if %}a{% endif %}",
    "{% if t %}a{% else %}b{% else %}c{% endif %}", "{% elif t %}", "{% if t %}a{% endfor %}", "{% if 1, 2 %}a{% endif %}", "{% if l|length > 1 and s %}a{% endif %}", "{% if (t) %}a{% endif %}",
    "{% if not(t) %}a{% else %}b{% endif %}", "{% if f %}{{ missing.x }}{% endif %}ok", "{% nosuch %}", "{% include 'x' %}", "{% extends 'x' %}", "{% import 'x' as y %}", "{% do 1 %}",
    # for
    "{% for i in l %}{{ i }}{% endfor %}", "{% for i in l %}{{ i }}{% if not loop.last %}, {% endif %}{% endfor %}", "{% for i in e %}x{% else %}none{% endfor %}", "{% for i in l %}x{% else %}none{% endfor %}",
    "{% for i in missing %}x{% else %}none{% endfor %}", "{% for i in nil %}x{% endfor %}", "{% for i in n %}x{% endfor %}", "{% for k in d %}{{ k }};{% endfor %}", "{% for c in 'añb' %}{{ c }}.{% endfor %}",
    "{% for k, v in d.items() %}{{ k }}={{ v }};{% endfor %}", "{% for k, v in d|items %}{{ k }}={{ v }};{% endfor %}", "{% for k, v in l %}x{% endfor %}", "{% for a, b in [[1, 2], [3, 4]] %}{{ a + b }} {% endfor %}",
    "{% for a, b in [[1, 2, 3]] %}x{% endfor %}", "{% for a, (b, c) in [[1, [2, 3]]] %}{{ a }}{{ b }}{{ c }}{% endfor %}", "{% for (a, b) in [[1, 2]] %}{{ a }}{{ b }}{% endfor %}", "{% for a, b in ['xy', 'zw'] %}{{ b }}{{ a }}{% endfor %}",
    "{% for i in l if i > 1 %}{{ loop.index }}:{{ i }} {% endfor %}", "{% for i in l if i > 5 %}x{% else %}none{% endfor %}", "{% for i in l if loop.first %}x{% endfor %}", "{% for i in l %}{{ loop.index }}{{ loop.index0 }}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.first }}{{ loop.last }}{{ loop.length }} {% endfor %}",
    "{% for i in l %}[{{ loop.previtem }}|{{ i }}|{{ loop.nextitem }}]{% endfor %}", "{% for i in l %}{{ loop.previtem is defined }}{{ loop.nextitem is defined }} {% endfor %}", "{% for i in l %}{{ loop.cycle('a', 'b') }}{% endfor %}",
    "{% for i in [1, 1, 2, 2, 1] %}{{ loop.changed(i) }} {% endfor %}", "{% for i in l %}{{ loop.depth }}{% for j in l %}{{ loop.depth }}{{ loop.index }}{% endfor %}{{ loop.index }} {% endfor %}", "{% for i in l %}{% set outer = loop %}{% for j in ls %}{{ outer.index }}{{ loop.index }} {% endfor %}{% endfor %}",
    "{% for i in l %}{% if i == 1 %}{% break %}{% endif %}{{ i }}{% endfor %}", "{% for i in l %}{% if i == 1 %}{% continue %}{% endif %}{{ i }}{% endfor %}", "{% for i in l %}{% for j in l %}{% if j == 1 %}{% break %}{% endif %}{{ j }}{% endfor %}{{ i }};{% endfor %}",
    "{% for i in l %}{% break %}{% else %}none{% endfor %}", "{% break %}", "{% if t %}{% continue %}{% endif %}", "{% for i in l %}{{ i }}{% endfor %}{{ i }}", "{% for i in l %}{{ loop.nosuch }}{% endfor %}", "{% for i in l %}{{ loop.nosuch.x }}{% endfor %}", "{{ loop.index }}",
    "{% for i in range(3) %}{{ i }}{% endfor %}", "{% for i in range(l|length - 1, -1, -1) %}{{ l[i] }}{% endfor %}", "{% for i in l|sort %}{{ i }}{% endfor %}", "{% for i in l[::-1] %}{{ i }}{% endfor %}", "{% for i in l + [9] %}{{ i }}{% endfor %}", "{% for i in 1, 2, 3 %}{{ i }}{% endfor %}", "{% for i in (1, 2) %}{{ i }}{% endfor %}",
    "{% for i in l if t else e %}x{% endfor %}", "{% for i in (l if t else e) %}{{ i }}{% endfor %}", "{% for x in deep.k recursive %}{{ x.z is defined }}{% endfor %}", "{% for x in [[1, [2, 3]], [4]] recursive %}{{ '(' }}{% if x is iterable %}{{ loop(x) }}{% else %}{{ x }}{% endif %}{{ ')' }}{% endfor %}",
    "{% for m1 in m %}{{ m1.role }}{{ m[loop.index0 - 1].role }}{% if not loop.last and m[loop.index0 + 1].role == 'bot' %}!{% endif %} {% endfor %}", "{% for i in l %}\n  {{ i }}\n{% endfor %}\n", "{% for i in l -%}\n  {{ i }}\n{%- endfor %}", "{% for in l %}{% endfor %}", "{% for i l %}{% endfor %}", "{% for i in %}{% endfor %}", "{% for i in l %}", "{% for true in l %}{% endfor %}", "{% for i.x in l %}{% endfor %}",
    # set and scopes
    "{% set a = 1 %}{{ a }}", "{% set a, b = 1, 2 %}{{ a }}{{ b }}", "{% set a, b = [1, 2, 3] %}", "{% set (a, b) = (1, 2) %}{{ a }}{{ b }}", "{% set a = 1, 2 %}{{ a }}", "{% set s = 'new' %}{{ s }}", "{% set a = s %}{% set s = 1 %}{{ a }}{{ s }}", "{% if t %}{% set a = 1 %}{% endif %}{{ a }}", "{% if f %}{% set s = 1 %}{% endif %}{{ s }}",
    "{% for i in l %}{% set a = i %}{% endfor %}{{ a }}", "{% set a = 0 %}{% for i in l %}{% set a = a + i %}{{ a }} {% endfor %}{{ a }}", "{% set a = 0 %}{% for i in l %}{% if i == 1 %}{% set a = 5 %}{% endif %}{{ a }}{% endfor %}", "{% set ns = namespace(a=0) %}{% for i in l %}{% set ns.a = ns.a + i %}{% endfor %}{{ ns.a }}",
    "{% set ns = namespace() %}{% set ns.x = 1 %}{{ ns.x }}{{ ns.y }}", "{% set d.x = 1 %}", "{% set missing.x = 1 %}", "{% set ns = namespace(l=[]) %}{% for i in l %}{% set ns.l = ns.l + [i * 2] %}{% endfor %}{{ ns.l }}", "{% set a %}block {{ n }}{% endset %}{{ a }}|{{ a|length }}", "{% set a | upper %}block{% endset %}{{ a }}", "{% set a | replace('b', 'c') | upper %}block{% endset %}{{ a }}",
    "{% set a %}\n x\n{% endset %}[{{ a }}]", "{% set a = 1 if t else 2 %}{{ a }}", "{% set a %}{% set b = 1 %}{% endset %}{{ b }}", "{% set %}", "{% set a %}", "{% set a = %}", "{% set 1 = 2 %}", "{% set a.b.c = 2 %}", "{% set none = 2 %}", "{% with a = 1, b = 2 %}{{ a }}{{ b }}{% endwith %}{{ a }}", "{% with a = 1 %}{% with b = a %}{{ b }}{% endwith %}{% endwith %}", "{% with %}{% set q = 1 %}{{ q }}{% endwith %}{{ q }}",
    "{% set loop = 5 %}{{ loop }}", "{% set l = [9] %}{% for i in l %}{{ i }}{% endfor %}", "{% set ns = namespace(found=false) %}{% for x in m %}{% if x.role == 'bot' %}{% set ns.found = true %}{% endif %}{% endfor %}{{ ns.found }}", "{% set ns = namespace(a=1) %}{{ ns['a'] }}", "{% set a = [] %}{{ a.append(1) }}", "{% filter upper %}a{{ s }}{% endfilter %}", "{% filter replace('a', 'b') | upper %}aaa{% endfilter %}", "{% generation %}x{{ s }}{% endgeneration %}",
    "{% for i in l %}{% generation %}{{ i }}{% endgeneration %}{% endfor %}",
    # macros
    "{% macro f1(a, b=2) %}{{ a }}-{{ b }}{% endmacro %}{{ f1(1) }} {{ f1(1, 3) }} {{ f1(b=5, a=4) }}", "{% macro f1(a) %}{{ a }}{% endmacro %}{{ f1() }}|", "{% macro f1(a) %}x{% endmacro %}{{ f1(1, 2) }}", "{% macro f1(a) %}x{% endmacro %}{{ f1(z=2) }}", "{% macro f1(a) %}x{% endmacro %}{{ f1(1, a=2) }}", "{% macro f1() %}{{ s }}{{ n }}{% endmacro %}{{ f1() }}", "{% set q = 1 %}{% macro f1() %}{{ q }}{% endmacro %}{% set q = 2 %}{{ f1() }}",
    "{% macro f1() %}{{ q }}{% endmacro %}{% set q = 2 %}{{ f1() }}", "{% macro f1(a) %}{% set a = 5 %}{{ a }}{% endmacro %}{{ f1(1) }}{{ a }}", "{% macro f1(k) %}{% if k > 0 %}{{ k }}{{ f1(k - 1) }}{% endif %}{% endmacro %}{{ f1(5) }}", "{% macro f1(a, b=a) %}{{ b }}{% endmacro %}{{ f1(3) }}", "{% macro f1(a=1, b) %}{% endmacro %}", "{{ f1(1) }}{% macro f1(a) %}{{ a }}{% endmacro %}", "{% macro f1(a) %}{{ a }}{% endmacro %}{{ f1(1)|length }}{{ f1 is callable }}{{ f1.name }}",
    "{% macro f1() %}[{{ caller() }}]{% endmacro %}{% call f1() %}x{{ n }}{% endcall %}", "{% macro f1() %}[{{ caller(1, 2) }}]{% endmacro %}{% call(a, b) f1() %}{{ a + b }}{% endcall %}", "{% macro f1() %}\n  x\n{% endmacro %}\n[{{ f1() }}]", "{%- macro f1() -%}\n  x\n{%- endmacro -%}\n[{{ f1() }}]", "{% macro f1() %}{% for i in l %}{{ i }}{% endfor %}{% endmacro %}{% for i in [7] %}{{ f1() }}{{ i }}{% endfor %}", "{% for i in l %}{% macro f1() %}{{ i }}{% endmacro %}{{ f1() }}{% endfor %}",
    "{% macro f1(x) %}{% if x is mapping %}{% for k, v in x|items %}{{ k }}:{{ f1(v) }},{% endfor %}{% else %}{{ x }}{% endif %}{% endmacro %}{{ f1(deep.k[0]) }}", "{% macro f1() %}{{ loop }}{% endmacro %}{{ f1() }}", "{% macro %}{% endmacro %}", "{% macro f1 %}{% endmacro %}", "{% macro f1(1) %}{% endmacro %}", "{% macro f1() %}", "{% call s %}{% endcall %}", "{{ f1 }}{% if f %}{% macro f1() %}{% endmacro %}{% endif %}",
    "{% macro f1(a) %}{{ a }}{% endmacro %}{% set g = f1 %}{{ g('x') }}", "{% macro f1(t=none) %}{{ t is none }}{% endmacro %}{{ f1() }}{{ f1(t=1) }}",
]
SNIPPETS += [
    # spread arguments
    "{% macro f1(a, b=2, c=3) %}{{ a }}{{ b }}{{ c }}{% endmacro %}{{ f1(*[7, 8]) }} {{ f1(1, *l[:1]) }} {{ f1(*[1], c=5) }} {{ f1(*[], **{'a': 4, 'c': 6}) }} {{ f1(1, b=0, **{'c': 9}) }}",
    "{% macro f1(a) %}{{ a }}{% endmacro %}{{ f1(*n) }}", "{% macro f1(a) %}{{ a }}{% endmacro %}{{ f1(**l) }}", "{% macro f1(a) %}{{ a }}{% endmacro %}{{ f1(a=1, **{'a': 2}) }}",
    "{% macro f1(a) %}{{ a }}{% endmacro %}{{ f1(*[1], 2) }}", "{% macro f1(a) %}{{ a }}{% endmacro %}{{ f1(**d, a=2) }}", "{% macro f1(a) %}{{ a }}{% endmacro %}{{ f1(*[1], *[2]) }}",
    "{{ range(*[1, 9, 3])|list }}", "{{ dict(**d).a }}", "{{ l|join(*[', ']) }}", "{{ 'a-b'.split(*['-']) }}", "{{ 4 is divisibleby(*[2]) }}", "{{ namespace(**{'q': 1}).q }}",
    "{% set calls = [range, dict] %}{{ calls[0](*[2])|list }}", "{% macro f1(a) %}{{ a }}{% endmacro %}{% set fs = [f1] %}{% set ps = [['x']] %}{% for i in range(fs|length) %}{{ fs[i](*ps[i]) }}{% endfor %}",
    # sequence filters over nothing
    "{{ nil|selectattr('a')|list }}{{ nil|map('upper')|list }}{{ 0|select|list }}{{ empty|reject|list }}{{ f|rejectattr('a')|list }}{{ missing|map(attribute='x')|list }}",
    "{% for x in nil|selectattr('type', 'equalto', 'text') %}{{ x }}{% endfor %}ok", "{{ n|select|list }}", "{{ nil|map|list }}", "{{ nil|list }}",
    # truncate
    "{{ s|truncate(5) }}|{{ s|truncate(8, true) }}|{{ s|truncate(8, leeway=0) }}|{{ u|truncate(6, true, '…', 0) }}|{{ 'a b c d e f g h i j'|truncate(9, end='') }}|{{ s|truncate }}", "{{ n|truncate(3) }}",
    "{{ s|truncate(2) }}", "{{ s|truncate(5, leeway=-1) }}", "{{ 'abcdefghijklmnop'|truncate(9) }}",
]
