"""The terminal session of the README, command by command, against real programs."""

import re
import shlex

from world import ROOT, Failure, Lines, World, free_port

# Words of the README that stand for what the programs print: bound where they first appear.
PLACEHOLDERS = {"KEY": r"[a-z2-7]{52}", "SECRET": r"[a-z2-7]{52}", "HH:MM": r"\d\d:\d\d"}


def blocks():
    """The console blocks: lists of (person, command, lines it prints)."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for block in re.findall(r"^```console\n(.*?)^```$", text, re.M | re.S):
        steps = []
        for line in block.splitlines():
            found = re.fullmatch(r"(\w+)\$ (.*)", line)
            if found:
                steps.append((found[1], found[2], []))
            else:
                steps[-1][2].append(line)
        yield steps


def pattern(lines, values):
    """What the lines match: `…` is anything, white space and wrapping do not count."""
    parts = []
    for word in re.split(r"(…|\s+|HH:MM|\b[A-Z]{3,}\b)", "\n".join(lines).strip()):
        if word == "…":
            parts.append(r"[\s\S]*")
        elif word in values:
            parts.append(re.escape(values[word]))
        elif word in PLACEHOLDERS:
            seen = any(f"(?P<{word}>" in part for part in parts)
            parts.append(
                PLACEHOLDERS[word] if word == "HH:MM"
                else f"(?P={word})" if seen else f"(?P<{word}>{PLACEHOLDERS[word]})")
        elif word.isspace():
            parts.append(r"\s+")
        else:
            parts.append(re.escape(word))
    return "".join(parts)


def compare(command, printed, lines, values):
    found = re.fullmatch(pattern(lines, values), printed.strip())
    if not found:
        raise Failure(f"{command!r} printed {printed!r}; the README says {lines}")
    values.update(found.groupdict())


def test_session():
    """The README's session does what the README shows"""
    with World() as world:
        listen, admin = free_port(), free_port()
        secret = world.folder / "passphrase"
        secret.write_text("correct horse\n")
        secret.chmod(0o600)
        world.give_away(secret)
        values, ran = {}, 0
        for steps in blocks():
            for person, command, lines in steps:
                # The README uses the ports that programs take by themselves; here any may be taken.
                lines = [
                    line.replace("127.0.0.1:8437", f"127.0.0.1:{listen}")
                    .replace("127.0.0.1:8438", f"127.0.0.1:{admin}")
                    .replace("@127.0.0.1", f"@127.0.0.1:{listen}") for line in lines]
                words = shlex.split(
                    command.replace("127.0.0.1:8437", f"127.0.0.1:{listen}")
                    .replace("@127.0.0.1", f"@127.0.0.1:{listen}"))
                for name, value in values.items():
                    words = [re.sub(rf"\b{name}\b", value, word) for word in words]
                ran += 1
                if words[:2] == ["posternd", "run"]:
                    process = world.spawn(*words, "--admin", f"127.0.0.1:{admin}")
                    output = Lines(process)
                    output.until(lambda line: line.startswith("ready "), "the ready line")
                    compare(command, "\n".join(output.seen), lines, values)
                    continue
                code, out, err = world.run(
                    *words, environment={
                        "POSTERN_HOME": str(world.folder / person),
                        "POSTERN_PASSPHRASE_FILE": str(secret)})
                if code != 0:
                    raise Failure(f"{command!r} ended with {code}: {out}{err}")
                compare(command, out, lines, values)
        if ran < 10:
            raise Failure(f"the README shows {ran} commands only")
