"""People of several servers, and servers that fail."""

import contextlib
import socket
import threading
import time

from world import World


@contextlib.contextmanager
def silent(listen):
    """Something that takes connections at this address, gathers them and never answers."""
    host, port = listen.rsplit(":", 1)
    held = []
    with socket.create_server((host, int(port))) as listener:
        def serve():
            with contextlib.suppress(OSError):
                while True:
                    held.append(listener.accept()[0])
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield held
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(5)
    for connection in held:
        connection.close()


def apart(world):
    """Alice and Carol on one server, Bob on another; Alice knows both."""
    home, other = world.start(), world.start("other")
    alice, carol = world.friends("alice", "carol")
    bob = world.person("bob", server=other)
    link = alice.ok("invite", "--name", "bob").strip()
    bob.ok("accept", link, "--name", "alice")
    alice.ok("receive")
    bob.ok("receive")
    alice.ok("send", "bob", "over there")
    assert bob.texts() == ["over there"]
    alice.ok("receive")
    return home, other, alice, bob, carol


def test_other_server_down():
    """CL-43 a contact's dead server holds up neither receiving, receipts nor other messages"""
    with World() as world:
        _, other, alice, bob, carol = apart(world)
        other.kill()
        alice.fails(75, "send", "bob", "later")
        for number in range(3):
            carol.ok("send", "alice", f"from carol {number}")
            assert alice.texts() == [f"from carol {number}"]
            carol.ok("receive")
            assert carol.json("history", "alice")[-1]["state"] == "delivered"
        alice.ok("send", "carol", "to carol")
        assert carol.texts() == ["to carol"]
        # To both: what can go has gone, and the command says that not all did.
        alice.fails(75, "send", "bob,carol", "to both")
        assert carol.texts() == ["to both"]
        assert [e["contact"] for e in alice.json("outbox") if e["id"]] == ["bob", "bob"]
        other.again()
        alice.ok("receive")
        assert bob.texts() == ["later", "to both"]


def test_other_server_hangs():
    """CL-43 a contact's server that takes connections and says nothing holds receiving up for seconds only"""
    with World() as world:
        _, other, alice, bob, carol = apart(world)
        other.kill()
        alice.fails(75, "send", "bob", "later")
        carol.ok("send", "alice", "meanwhile")
        with silent(other.listen):
            began = time.monotonic()
            assert alice.texts() == ["meanwhile"]
            assert time.monotonic() - began < 12, time.monotonic() - began
            carol.ok("receive")
            assert carol.json("history", "alice")[-1]["state"] == "delivered"
        other.again()
        alice.ok("receive")
        assert bob.texts() == ["later"]
