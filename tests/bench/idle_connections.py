#!/usr/bin/env python3
"""What idle clients cost a batond: resident memory before, with and after N idle connections, half of which sent a part
of a request head. usage: idle_connections.py path/to/batond [connections]"""

import os
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import time


def rss_kib(pid):
    with open(f"/proc/{pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def get(port, target):
    with socket.create_connection(("127.0.0.1", port), timeout=10) as s:
        s.sendall(f"GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        return s.makefile("rb").read()


def wait_up(port):
    for _ in range(500):
        try:
            return get(port, "/health")
        except OSError:
            time.sleep(0.02)
    sys.exit("batond does not answer")


def main():
    program, wanted = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 10_000
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    port = free_port()
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as config:
        config.write(f'model: tiny\nmodel_path: "{root}/tests/data/baton-tiny"\nlisten: "127.0.0.1:{port}"\n'
                     f"workers:\n  - {{name: w, host: 127.0.0.1, port: {free_port()}}}\n"
                     "limits: {header_timeout: 10m, idle_timeout: 10m}\n")
        config.flush()
        batond = subprocess.Popen([program, "--config", config.name], stderr=subprocess.DEVNULL)
        try:
            wait_up(port)
            for _ in range(100):
                get(port, "/metrics")
            before = rss_kib(batond.pid)
            clients = []
            for i in range(wanted):
                client = socket.create_connection(("127.0.0.1", port))
                if i % 2:
                    client.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\nX-Slow: ")
                else:
                    client.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
                clients.append(client)
            for client in clients[::2]:
                client.recv(4096)
            with_idle = rss_kib(batond.pid)
            assert b"200 OK" in get(port, "/health")
            for client in clients:
                client.close()
            time.sleep(1)
            print(f"connections={wanted} rss_before_kib={before} rss_with_kib={with_idle} "
                  f"kib_per_connection={(with_idle - before) / wanted:.2f} rss_after_kib={rss_kib(batond.pid)}")
        finally:
            batond.send_signal(signal.SIGTERM)
            batond.wait(timeout=30)


main()
