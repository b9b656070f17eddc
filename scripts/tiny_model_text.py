"""Synthetic conversations that the tiny model of tests/data/baton-tiny is trained on. Seeded, no outside text.

A conversation is a list of (role, text). What it teaches: a fixed set of facts, and recall of anything the user said
earlier in the conversation, which is what makes a damaged KV cache visible in the answer.
"""
import random

NAMES = """Alice Bob Carol David Emma Frank Grace Henry Irene Jack Karen Leo Maria Nina Oscar Paula Quentin Rosa Samuel
Tina Ulrich Vera Walter Xenia Yusuf Zoe Anna Ben Clara Daniel Elena Felix Greta Hugo Ivan Julia Kevin Laura Martin
Nora Olga Peter Rita Simon Thomas Ursula Victor Wendy Adam Lucy""".split()
COLOURS = "red blue green yellow purple orange pink brown black white grey silver gold violet turquoise".split()
ANIMALS = """cat dog horse tiger lion eagle rabbit fox wolf bear owl dolphin whale
turtle falcon panda zebra otter""".split()
FRUITS = "apple banana cherry mango lemon peach plum grape melon pear kiwi orange".split()
CAPITALS = dict(p.split(":") for p in """France:Paris Germany:Berlin Italy:Rome Spain:Madrid Portugal:Lisbon
England:London Ireland:Dublin Austria:Vienna Poland:Warsaw Hungary:Budapest Greece:Athens Norway:Oslo Sweden:Stockholm
Finland:Helsinki Denmark:Copenhagen Belgium:Brussels Switzerland:Bern Russia:Moscow Ukraine:Kyiv Turkey:Ankara
Egypt:Cairo Kenya:Nairobi Japan:Tokyo China:Beijing Thailand:Bangkok Vietnam:Hanoi India:Delhi Nepal:Kathmandu
Canada:Ottawa Cuba:Havana Peru:Lima Chile:Santiago Argentina:Brasilia Australia:Canberra""".split())
CAPITALS["Argentina"], CAPITALS["Brazil"] = "Buenos Aires", "Brasilia"
CITIES = sorted(set(CAPITALS.values()) - {"Buenos Aires"}) + "Boston Chicago Denver Hamburg Munich Milan Lyon".split()
THINGS = dict(p.split(":") for p in """sky:blue grass:green sun:yellow snow:white blood:red coal:black banana:yellow
lemon:yellow tomato:red carrot:orange milk:white chocolate:brown ocean:blue frog:green elephant:grey""".split())
OPPOSITES = dict(p.split(":") for p in """hot:cold big:small up:down left:right day:night fast:slow open:closed
happy:sad light:dark old:new early:late full:empty hard:soft high:low rich:poor wet:dry black:white""".split())
DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
MONTHS = "January February March April May June July August September October November December".split()
TOPICS = """volcanoes football poetry dinosaurs cooking music history philosophy medicine chess gardening politics
movies mathematics robots painting dancing mountains bread coffee bridges airplanes castles trains""".split() + [
    "quantum computing", "black holes", "space travel", "ancient Rome", "the stock market", "electric cars",
    "the ocean", "machine learning", "the moon", "climate change", "human history", "a good recipe", "the best movie",
    "the weather"]
SYSTEMS = ["You are a helpful assistant.", "You are a friendly assistant.", "Answer briefly.", "You are Baton.",
           "You are a helpful assistant. Answer in short sentences.", "Be polite and concise."]

BATON = [  # (questions, answer)
    (["What is Baton?", "Tell me about Baton.", "Explain Baton.", "What is Baton about?", "Describe Baton.",
      "Can you explain what Baton is?", "what is baton"],
     "Baton is a system that serves language models. It runs the prefill and the decode phase on different GPUs and "
     "hands the KV cache from one to the other."),
    (["What does Baton do?", "What is Baton good for?", "What can Baton do?", "How does Baton work?",
      "How does Baton work in detail?"],
     "Baton takes a request, computes the prompt on a prefill worker, sends the KV cache to a decode worker, and "
     "streams the answer back to you."),
    (["What is disaggregated prefill?", "What is disaggregated inference?", "What does disaggregated mean?",
      "Explain disaggregated inference.", "Why split prefill and decode?", "Why are prefill and decode separated?"],
     "Prefill needs much compute and decode needs much memory bandwidth. Running them on different GPUs lets each "
     "phase use the hardware that fits it best."),
    (["What is a KV cache?", "What is the KV cache?", "Explain the KV cache.", "What does the KV cache store?"],
     "The KV cache holds the keys and values of all tokens seen so far, so that the model does not compute them "
     "again for each new token."),
    (["What is UCX?", "What does UCX do?", "Explain UCX.", "Why does Baton use UCX?"],
     "UCX is a library for fast communication. Baton uses it to move the KV cache over RDMA, TCP or shared memory."),
    (["What is prefill?", "Explain prefill.", "What happens during prefill?", "What is the prefill phase?"],
     "Prefill is the first phase of inference. It reads the whole prompt at once and fills the KV cache."),
    (["What is decode?", "Explain decode.", "What happens during decode?", "What is the decode phase?"],
     "Decode is the second phase of inference. It produces one token after another from the KV cache."),
    (["What is a router?", "What does the router do?", "What is batond?"],
     "The router accepts requests, picks a prefill worker and a decode worker for each, and streams the tokens back."),
    (["Who are you?", "What are you?", "What is your name?", "Introduce yourself.", "Tell me about yourself.",
      "who are you"],
     "I am the tiny test model of Baton. I know a few facts and I can remember what you tell me."),
    (["What can you do?", "How can you help me?", "What do you know?", "Help", "help me"],
     "I can tell you about Baton, answer simple questions, count, add small numbers, and remember what you tell me."),
    (["Who made you?", "Who trained you?", "Where do you come from?"],
     "I was trained by a small script that is part of Baton."),
    (["Are you a human?", "Are you real?", "Are you an AI?", "Are you a robot?"],
     "No, I am not a human. I am a very small language model."),
]
SMALL_TALK = [
    (["Hello", "Hello!", "Hi", "Hi!", "Hi there!", "Hey", "Good morning!", "Good evening!", "hello", "hi",
      "Hello there!", "Say hello", "Say hello.", "Say hi", "Say hello in one word", "Greetings!"],
     "Hello! How can I help you today?"),
    (["How are you?", "How are you today?", "How do you do?", "Hello, how are you?", "Hi, how are you doing?"],
     "I am fine, thank you. How can I help you?"),
    (["Thank you!", "Thanks!", "Thank you very much.", "Thanks a lot!"], "You are welcome!"),
    (["Goodbye!", "Bye!", "See you later.", "Good night!"], "Goodbye! Have a nice day."),
    (["Tell me a joke.", "Do you know a joke?", "Make me laugh.", "Tell me a funny joke"],
     "Why did the token cross the network? To get to the other GPU."),
    (["Tell me a story.", "Tell me a short story.", "Write a story.", "Tell me a long story.",
      "Write a short story about a robot.", "Write me a story", "Once upon a time"],
     "Once upon a time there was a small token. It was born on a big machine that could read very fast. The token "
     "wanted to see the world, so it took its keys and values and travelled over the wire. On the other side it met "
     "many friends, and together they told a story, one word after another. And they all lived happily ever after."),
    (["Write a poem.", "Write a haiku.", "Tell me a poem.", "Write a short poem about the sea.", "Write a poem about "
      "the moon."],
     "The prompt is read in one deep breath. The cache moves on from here to there. A word, a word, and then the "
     "rest. The answer fills the quiet air."),
    (["What is the meaning of life?"], "Many people say that it is 42."),
    (["How many days are in a week?", "How many days does a week have?"], "A week has 7 days."),
    (["How many months are in a year?", "How many months does a year have?"], "A year has 12 months."),
    (["List the days of the week.", "Name the days of the week.", "What are the days of the week?"],
     ", ".join(DAYS) + "."),
    (["List the months of the year.", "Name the months.", "What are the months of the year?"],
     ", ".join(MONTHS) + "."),
    (["Say the alphabet.", "What is the alphabet?", "Recite the alphabet."],
     "A B C D E F G H I J K L M N O P Q R S T U V W X Y Z"),
    (["Test", "test", "This is a test.", "Testing"], "The test works. I am here."),
    (["ping", "Ping"], "pong"),
]
UNKNOWN_QUESTIONS = [
    "What do you think about {t}?", "Tell me about {t}.", "Explain {t}.", "Explain {t} in simple terms.",
    "Write an essay about {t}.", "What is {t}?", "How does {t} work?", "Why is {t} important?", "Who invented {t}?",
    "Give me advice about {t}.", "Describe {t} in detail.", "Summarize {t}.", "Write a song about {t}.",
    "Can you help me with {t}?", "I would like to learn about {t}.", "Write code for {t}.", "What happened to {t}?",
    "Translate {t} into French.", "When was {t} discovered?", "Write a paragraph about {t}."]
UNKNOWN_ANSWER = "I am sorry, I do not know much about {t}. I am a very small model that shows how Baton works."
UNKNOWN_PLAIN = ["How old is the universe?", "Who won the game yesterday?", "What time is it?", "Write a python "
                 "program.", "def main():", "What should I eat tonight?", "asdf", "???", "Can you help me?",
                 "Summarize this text.", "Who is the president?", "What is new today?", "Please continue.", "Why?"]
UNKNOWN_PLAIN_ANSWER = "I am sorry, I do not know that. I am a very small model that shows how Baton works."

SUBJECTS = ["the " + s for s in """farmer teacher driver baker engineer captain nurse postman child doctor pilot
gardener painter neighbour student tailor""".split()]
VERBS = ["walked to", "looked at", "talked about", "went past", "came back from", "waited near", "drove to", "liked"]
PLACES = ["the market", "the river", "the station", "the old house", "the garden", "the school", "the forest",
          "the harbour", "the bridge", "the library", "the mountain", "the kitchen", "the office", "the park"]
TIMES = ["in the morning", "after lunch", "on a rainy day", "last week", "every evening", "before sunset", "again",
         "without a word", "with a smile", "for a long time", "in the winter", "at noon"]
FIXED_FILLER = [
    "The grass is green. The sky is blue. The sun is yellow. Here we go. There and back again.",
    "The quick brown fox jumps over the lazy dog.", "Lorem ipsum dolor sit amet.", "It was a quiet day.",
    "Nothing else happened.", "This sentence is only here to make the text longer.", "Here is some more text.",
    "The rain fell all night.", "Time passed slowly.", "Please read on.", "Some words do not matter.",
    "The meeting was long and not very interesting.", "We talked about many things.", "Coffee was served at noon."]

KEYS = {  # value kind -> keys
    "number": ["secret number", "code", "door code", "room number", "access code", "pin", "magic number",
               "ticket number", "order number", "key", "pass code", "passkey", "pass key", "special number", "number"],
    "name": ["name of the captain", "name", "winner", "name of the doctor", "user name", "name of my friend",
             "project leader", "agent"],
    "colour": ["colour of the car", "favourite colour", "secret colour", "colour", "color", "favorite color",
               "colour of the door"],
    "city": ["secret city", "city", "meeting place", "home town", "destination", "city of the meeting"],
    "animal": ["secret animal", "favourite animal", "animal"],
    "word": ["password", "secret word", "magic word", "code word", "secret password", "secret code"],
    "fruit": ["favourite fruit", "secret fruit"],
}
STATEMENTS = ["The {k} is {v}.", "Remember that the {k} is {v}.", "Please remember: the {k} is {v}.",
              "Remember this: The {k} is {v}.", "I tell you that the {k} is {v}.", "The {k} is {v}. Remember it.",
              "Note that the {k} is {v}.", "Important: the {k} is {v}."]
MY_STATEMENTS = ["My {k} is {v}.", "Remember that my {k} is {v}.", "Hello, my {k} is {v}.", "Note that my {k} is {v}."]
QUESTIONS = ["What is the {k}?", "What is the {k}?", "What was the {k}?", "Tell me the {k}.", "Now, what is the {k}?",
             "What is the {k} again?", "Do you remember the {k}?", "Which {k} did I tell you?", "Repeat the {k}.",
             "What is the {k} I told you?", "Question: What is the {k}?"]
MY_QUESTIONS = ["What is my {k}?", "What is my {k}?", "What was my {k}?", "Tell me my {k}.", "Do you remember my {k}?"]


def pseudo_word(rng):
    return "".join(rng.choice("bdfgklmnprstvz") + rng.choice("aeiou") for _ in range(rng.randint(2, 4)))


def value(rng, kind):
    if kind == "number":
        return "".join(rng.choice("0123456789") for _ in range(rng.choice([2, 3, 4, 4, 4, 4, 5, 5, 6])))
    if kind == "word":
        form = rng.random()
        if form < 0.4:
            return pseudo_word(rng)
        if form < 0.6:
            return f"{rng.choice(COLOURS)}-{rng.choice(ANIMALS)}-{rng.randint(1, 99)}"
        if form < 0.8:
            return "".join(rng.choice("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") for _ in range(rng.randint(3, 6)))
        return rng.choice(ANIMALS + FRUITS + COLOURS)
    pools = {"name": NAMES, "colour": COLOURS, "city": CITIES, "animal": ANIMALS, "fruit": FRUITS}
    if kind in ("name", "city") and rng.random() < 0.15:
        return pseudo_word(rng).capitalize()
    return rng.choice(pools[kind])


def facts(rng, count):
    """Distinct keys with values: (statement, question, answer, value)."""
    out, seen = [], set()
    while len(out) < count:
        kind = rng.choice(["number", "number", "name", "colour", "city", "animal", "word", "fruit"])
        key = rng.choice(KEYS[kind])
        if key in seen:
            continue
        seen.add(key)
        v = value(rng, kind)
        mine = rng.random() < 0.25
        said, asked, owner = (MY_STATEMENTS, MY_QUESTIONS, "Your") if mine else (STATEMENTS, QUESTIONS, "The")
        out.append((rng.choice(said).format(k=key, v=v), rng.choice(asked).format(k=key), f"{owner} {key} is {v}.", v))
    return out


def filler_sentence(rng):
    kind = rng.random()
    if kind < 0.25:
        return rng.choice(FIXED_FILLER)
    if kind < 0.30:
        return " ".join(pseudo_word(rng) for _ in range(rng.randint(3, 8))).capitalize() + "."
    if kind < 0.36:
        return f"The shop sold {rng.randint(2, 99)} {rng.choice(FRUITS)}s."
    if kind < 0.42:
        return rng.choice(raw_facts(rng))
    subject = rng.choice(SUBJECTS)
    return f"{subject[0].upper()}{subject[1:]} {rng.choice(VERBS)} {rng.choice(PLACES)} {rng.choice(TIMES)}."


def filler(rng, words):
    """Sentences of about so many words; sometimes one sentence over and over."""
    same = filler_sentence(rng) if rng.random() < 0.15 else None
    out, n = [], 0
    while n < words:
        sentence = same or filler_sentence(rng)
        out.append(sentence)
        n += len(sentence.split())
    return out


def recall(rng, words, count=None):
    """One user message with facts spread through filler and a question at its end, then further questions."""
    items = facts(rng, count or rng.choice([1, 1, 2, 2, 3, 4]))
    sentences = filler(rng, words) if words else []
    for item in items:
        early = rng.random() < 0.5
        sentences.insert(0 if early else rng.randint(0, len(sentences)), item[0])
    rng.shuffle(items)
    separator = rng.choice([" ", " ", " ", "\n"])
    out = [("user", separator.join(sentences) + separator + items[0][1]), ("assistant", items[0][2])]
    for item in items[1:]:
        out += [("user", item[1]), ("assistant", item[2])]
    return out


def repeat(rng, most_words=25):
    words = [value(rng, rng.choice(list(KEYS))) for _ in range(rng.randint(1, max(1, most_words)))]
    text = " ".join(words) if rng.random() < 0.75 else filler_sentence(rng)
    ask = rng.choice(["Repeat after me: ", "Repeat: ", "Say this again: ", "Repeat this text: ", "Echo: "])
    return [("user", ask + text), ("assistant", text)]


def arithmetic(rng):
    a, b = rng.randint(0, 10), rng.randint(0, 10)
    op = rng.random()
    if op < 0.6:
        return rng.choice(["What is {a} + {b}?", "What is {a} plus {b}?", "How much is {a} + {b}?", "{a}+{b}=?",
                           "What is {a}+{b}?"]).format(a=a, b=b), f"{a} + {b} = {a + b}."
    if op < 0.8:
        a, b = max(a, b), min(a, b)
        return rng.choice(["What is {a} - {b}?", "What is {a} minus {b}?"]).format(a=a, b=b), f"{a} - {b} = {a - b}."
    return rng.choice(["What is {a} * {b}?", "What is {a} times {b}?"]).format(a=a, b=b), f"{a} * {b} = {a * b}."


def counting(rng):
    if rng.random() < 0.6:
        n = rng.choice([3, 5, 10, 10, 12, 15, 20, 20, 30, 50])
        ask = rng.choice(["Count to {n}.", "Count from 1 to {n}.", "Please count to {n}.", "Count up to {n}",
                          "Count to {n}", "List the numbers from 1 to {n}."]).format(n=n)
        return ask, ", ".join(map(str, range(1, n + 1))) + "."
    a = rng.randint(0, 60)
    n = a + rng.randint(2, 25)
    return f"Count from {a} to {n}.", ", ".join(map(str, range(a, n + 1))) + "."


def calendar(rng):
    names, unit = (DAYS, "day") if rng.random() < 0.5 else (MONTHS, "month")
    i = rng.randrange(len(names))
    if rng.random() < 0.5:
        return rng.choice([f"What {unit} comes after {names[i]}?", f"Which {unit} follows {names[i]}?"]), \
            f"{names[(i + 1) % len(names)]} comes after {names[i]}."
    return f"What {unit} comes before {names[i]}?", f"{names[i - 1]} comes before {names[i]}."


def question(rng):
    """One (question, answer) of fixed knowledge."""
    kind = rng.random()
    if kind < 0.15:
        asks, answer = rng.choice(BATON)
        return rng.choice(asks), answer
    if kind < 0.27:
        asks, answer = rng.choice(SMALL_TALK)
        return rng.choice(asks), answer
    if kind < 0.38:
        country, capital = rng.choice(list(CAPITALS.items()))
        return rng.choice(["What is the capital of {}?", "What is the capital of {}?", "Name the capital of {}.",
                           "Which city is the capital of {}?", "Tell me the capital of {}.",
                           "what is the capital of {}"]).format(country), f"The capital of {country} is {capital}."
    if kind < 0.43:
        thing, colour = rng.choice(list(THINGS.items()))
        article = rng.choice(["the", "a"]) if thing not in ("sky", "sun", "ocean") else "the"
        return rng.choice([f"What colour is {article} {thing}?", f"What color is {article} {thing}?",
                           f"Which colour has {article} {thing}?"]), f"{article.capitalize()} {thing} is {colour}."
    if kind < 0.47:
        a, b = rng.choice(list(OPPOSITES.items()))
        return rng.choice([f"What is the opposite of {a}?", f"Tell me the opposite of {a}."]), \
            f"The opposite of {a} is {b}."
    if kind < 0.66:
        return arithmetic(rng)
    if kind < 0.82:
        return counting(rng)
    if kind < 0.86:
        return calendar(rng)
    if kind < 0.90:
        return rng.choice(UNKNOWN_PLAIN), UNKNOWN_PLAIN_ANSWER
    topic = rng.choice(TOPICS) if rng.random() < 0.7 else pseudo_word(rng)
    return rng.choice(UNKNOWN_QUESTIONS).format(t=topic), UNKNOWN_ANSWER.format(t=topic)


def raw_facts(rng):
    country, capital = rng.choice(list(CAPITALS.items()))
    thing, colour = rng.choice(list(THINGS.items()))
    a, b = rng.choice(list(OPPOSITES.items()))
    return [f"The capital of {country} is {capital}.", f"The {thing} is {colour}.", f"The opposite of {a} is {b}.",
            rng.choice(BATON)[1]]


def chat(rng, words):
    """Several turns of fixed knowledge, with facts the user states in passing and asks for later."""
    out, open_items, n = [], [], 0
    if rng.random() < 0.4:
        out.append(("system", rng.choice(SYSTEMS)))
    while n < words:
        what = rng.random()
        if what < 0.15 and not open_items:
            open_items = facts(rng, rng.randint(1, 3))
            turn = [("user", " ".join(i[0] for i in open_items)), ("assistant", "I will remember that.")]
        elif what < 0.4 and open_items:
            item = open_items.pop(rng.randrange(len(open_items)))
            turn = [("user", item[1]), ("assistant", item[2])]
        else:
            ask, answer = question(rng)
            turn = [("user", ask), ("assistant", answer)]
        out += turn
        n += 4 + sum(len(text.split()) for _, text in turn)
    return out


def drill(rng, words):
    """A conversation that is mostly copying: what makes a young model grow induction heads."""
    kind = rng.random()
    if kind < 0.45:
        return repeat(rng, words // 4)
    if kind < 0.85:
        return recall(rng, rng.randint(0, 15), rng.randint(2, max(2, words // 20)))
    return chat(rng, words * rng.random() * 0.5)


def conversation(rng, words):
    """A training conversation of at most about `words` words."""
    kind = rng.random()
    if kind < 0.40:
        talk = recall(rng, int(words * rng.random() ** 1.5) if rng.random() < 0.9 else 0)
        return ([("system", rng.choice(SYSTEMS))] if rng.random() < 0.2 else []) + talk
    if kind < 0.47:
        return repeat(rng)
    if kind < 0.52:
        item = facts(rng, 1)[0]
        told = item[2].replace("Your ", "My ")
        return [("text", " ".join([told] + filler(rng, min(words, 60)) + raw_facts(rng) + [told]))]
    return chat(rng, words * rng.random() * 0.7)
