# SPDX-License-Identifier: Apache-2.0
"""What the library prints holds to the spec's own schemas, and it refuses what they refuse."""
import copy
import json
import os
import pathlib
import subprocess

import jsonschema
import pytest

SCHEMAS = pathlib.Path(__file__).parents[1] / "data/oci-schema"
PROGRAM = os.environ["PRINT_DOCUMENT"]


def validator(name):
    path = SCHEMAS / name
    schema = json.loads(path.read_text())
    resolver = jsonschema.RefResolver(path.as_uri(), schema)
    return jsonschema.Draft4Validator(schema, resolver=resolver)


def document(name):
    done = subprocess.run([PROGRAM, name], stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout)


def parse(configs):
    """What the parser says to each: "ok", or its message."""
    lines = "".join(json.dumps(config) + "\n" for config in configs)
    done = subprocess.run([PROGRAM, "parse"], input=lines, stdout=subprocess.PIPE, check=True,
                          text=True)
    return done.stdout.splitlines()


def test_features_hold_to_the_schema():
    validator("features-schema.json").validate(document("features"))


@pytest.mark.parametrize("name", ["spec", "spec-rootless"])
def test_templates_hold_to_the_schema(name):
    validator("config-schema.json").validate(document(name))


def leaves(value, path=()):
    """Every number, string and boolean of a document, by path."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from leaves(item, path + (key,))
    elif isinstance(value, list):
        for i, item in enumerate(value):
            yield from leaves(item, path + (i,))
    else:
        yield path


def replaced(config, path, value):
    config = copy.deepcopy(config)
    at = config
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = value
    return config


# The parser keeps no struct for other platforms' sections: it only notes that they are there.
FOREIGN = ("solaris", "freebsd", "zos", "windows")
EXAMPLES = sorted((SCHEMAS / "test/config/good").glob("*.json"))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_a_type_that_the_schema_refuses_is_refused_by_path(example):
    schema = validator("config-schema.json")
    config = json.loads(example.read_text())
    bad = []
    for path in leaves(config):
        if path[0] in FOREIGN:
            continue
        for value in ({}, -1, "x", 1.5, 2**64):
            changed = replaced(config, path, value)
            if not schema.is_valid(changed):
                bad.append((path, value, changed))
    answers = parse([changed for _, _, changed in bad])
    assert len(answers) == len(bad)
    for (path, value, _), answer in zip(bad, answers):
        assert answer != "ok", f"{path} = {value!r} was accepted"
        assert str(path[0]) in answer
