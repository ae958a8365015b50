"""docker-compose.yml without Docker: what its first lines have a user do works under any umask, the
programs take the settings it gives them, and it waits for the end of their drain."""
import os
import re
import stat
import subprocess

import pytest
import yaml

from harness.openapi import ROOT
from harness.process import bin_dir, clean_env

with open(os.path.join(ROOT, "docker-compose.yml"), encoding="utf-8") as file:
    TEXT = file.read()
COMPOSE = yaml.safe_load(TEXT)
PROGRAMS = ["tokend", "loginsvc"]
COMMANDS = "\n".join(re.findall(r"^#   (.+)$", TEXT, re.MULTILINE))


@pytest.fixture
def prepared(tmp_path):
    """A folder where the commands were run by somebody who shares nothing."""
    subprocess.run(["sh", "-euc", "umask 077\n" + COMMANDS], cwd=tmp_path, check=True)
    return tmp_path


def environment(program, folder):
    """What Compose gives it, with the secrets where they are here."""
    given = dict(COMPOSE["services"][program]["environment"], WECHAT_APPID="wx0123456789abcdef")
    return {name: value.replace("/run/secrets", f"{folder}/secrets")
            for name, value in given.items()}


def setting(name, program, folder):
    """Its value as the program prints it."""
    printed = subprocess.run([os.path.join(bin_dir(), program), "--print-config"], cwd=folder,
                             env=clean_env(**environment(program, folder)), check=True, text=True,
                             stdout=subprocess.PIPE).stdout
    found = re.search(rf"^{name.lower()} *= (\S+)", printed, re.MULTILINE)
    return found and found[1]


def seconds(duration):
    return int(re.fullmatch(r"(\d+)s", duration)[1])


def test_the_user_of_the_containers_can_read_the_secrets_and_others_cannot(prepared):
    assert stat.S_IMODE((prepared / "secrets").stat().st_mode) == 0o700
    for secret in COMPOSE["secrets"].values():
        assert (prepared / secret["file"]).stat().st_mode & stat.S_IROTH, secret
    assert (prepared / ".env").read_text().startswith("WECHAT_APPID=")


@pytest.mark.parametrize("program", PROGRAMS)
def test_the_settings_are_those_of_the_program(program, prepared):
    given = environment(program, prepared)
    for name in given:
        assert setting(name.removesuffix("_FILE"), program, prepared), name
    files = {os.path.basename(value) for name, value in given.items() if name.endswith("_FILE")}
    assert files == set(COMPOSE["services"][program]["secrets"])


@pytest.mark.parametrize("program", PROGRAMS)
def test_it_is_not_killed_while_it_drains(program, prepared):
    grace = COMPOSE["services"][program]["stop_grace_period"]
    assert seconds(grace) > seconds(setting("DRAIN_TIMEOUT", program, prepared))
