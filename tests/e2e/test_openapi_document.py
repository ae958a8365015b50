"""docs/openapi.yaml by itself, and against the sources: it is a valid document, it has every route
that is registered and no other, and the codes of errors are those of the programs."""
import os
import re

import jsonschema
import pytest

from harness.openapi import METHODS, ROOT, Document

document = Document()
ROUTE = re.compile(r'\{HTTP_([A-Z]+),\s*(?:"([^"]+)"|([A-Z_]+)),')
FOLDERS = {"loginsvc": ["loginsvc", "shared/daemon"], "tokend": ["tokend", "shared/daemon"]}
COMPONENTS = {"schemas", "responses", "parameters", "headers", "securitySchemes"}

# What the parts of OpenAPI 3.1 that are used here may hold; x-… may stand anywhere.
MEMBERS = {
    "root": {"openapi", "info", "servers", "tags", "paths", "components"},
    "info": {"title", "version", "license", "summary", "description"},
    "path": {"servers", "parameters", *METHODS},
    "operation": {"operationId", "tags", "summary", "description", "security", "parameters",
                  "requestBody", "responses"},
    "parameter": {"name", "in", "description", "required", "schema", "example", "explode"},
    "body": {"required", "content"},
    "response": {"description", "headers", "content"},
    "header": {"description", "required", "schema", "example"},
    "media": {"schema", "example", "examples"},
    "components": COMPONENTS,
}


def source_files(folder):
    for path, _, names in os.walk(os.path.join(ROOT, folder)):
        for name in names:
            if name.endswith((".c", ".h")):
                with open(os.path.join(path, name), encoding="utf-8") as text:
                    yield text.read()


def assert_members(kind, node):
    unknown = {name for name in node if not name.startswith("x-")} - MEMBERS[kind]
    assert not unknown, f"{kind}: {unknown}"


def nodes(node, kind):
    """Every node of the tree with a member of that name."""
    if isinstance(node, dict):
        if kind in node:
            yield node
        for each in node.values():
            yield from nodes(each, kind)
    elif isinstance(node, list):
        for each in node:
            yield from nodes(each, kind)


def contents():
    """(where, media type, media object) of all bodies of requests and answers."""
    for operation in document.operations:
        body = operation.spec.get("requestBody", {})
        yield from ((operation.name, *each) for each in body.get("content", {}).items())
        for status, response in operation.spec["responses"].items():
            content = document.resolve(response).get("content", {})
            yield from ((f"{operation.name} {status}", *each) for each in content.items())


# ---- a valid document ----

def test_it_has_the_members_of_openapi_3_1_and_no_others():
    tree = document.tree
    assert tree["openapi"] == "3.1.0"
    assert_members("root", tree)
    assert_members("info", tree["info"])
    assert_members("components", tree["components"])
    for path, item in tree["paths"].items():
        assert path.startswith("/")
        assert_members("path", item)
    for operation in document.operations:
        assert_members("operation", operation.spec)
        assert_members("body", operation.spec.get("requestBody", {}))
        for parameter in operation.parameters:
            assert_members("parameter", parameter)
        for response in map(document.resolve, operation.spec["responses"].values()):
            assert_members("response", response)
            for header in map(document.resolve, response.get("headers", {}).values()):
                assert_members("header", header)
    for _, _, media in contents():
        assert_members("media", media)


def test_every_schema_is_json_schema():
    for holder in nodes(document.tree, "schema"):
        jsonschema.Draft202012Validator.check_schema(holder["schema"])
    for schema in document.tree["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)


def test_every_reference_leads_somewhere_and_every_component_is_referred_to():
    used = {node["$ref"] for node in nodes(document.tree, "$ref")}
    for ref in used:
        document.look_up(ref)
    for kind in COMPONENTS - {"securitySchemes"}:
        for name in document.tree["components"][kind]:
            assert f"#/components/{kind}/{name}" in used, f"{name} is not used"


def test_every_operation_says_what_it_must():
    tags = {tag["name"] for tag in document.tree["tags"]}
    schemes = document.tree["components"]["securitySchemes"]
    assert tags == {"loginsvc", "tokend"}
    assert len({o.name for o in document.operations}) == len(document.operations)
    for operation in document.operations:
        spec = operation.spec
        assert spec["summary"] and set(spec["tags"]) <= tags, operation
        assert all(name in schemes for each in spec["security"] for name in each), operation
        in_path = {p["name"] for p in operation.parameters if p["in"] == "path"}
        assert in_path == set(re.findall(r"\{(\w+)\}", operation.path)), operation
        assert all(p["required"] for p in operation.parameters if p["in"] == "path"), operation
        for status, response in spec["responses"].items():
            assert re.fullmatch("[2-5][0-9][0-9]", status), operation
            assert document.resolve(response)["description"], operation


def test_every_path_names_the_servers_of_its_tags():
    servers = {"loginsvc": document.tree["servers"][0], "tokend": document.tree["servers"][1]}
    for operation in document.operations:
        assert servers[operation.service] in document.item(operation.path)["servers"]


def test_every_example_is_valid():
    checked = 0
    for where, media_type, media in contents():
        examples = [e["value"] for e in media.get("examples", {}).values()]
        examples += [media["example"]] if "example" in media else []
        for example in examples:
            assert not document.faults(media["schema"], example), f"{where} {media_type}"
            checked += 1
    assert checked > 100


def test_every_json_body_has_an_example():
    for where, media_type, media in contents():
        if media_type.endswith("json") and not where.startswith("readyz"):
            assert "example" in media or "examples" in media, f"{where} {media_type}"


def test_answers_are_closed():
    """Only an event, to which tokend may add fields, is open."""
    open_ones = set()

    def look(schema, seen):
        if "$ref" in schema:
            name = schema["$ref"]
            if name not in seen:
                seen.add(name)
                look(document.look_up(name), seen)
        if schema.get("type") == "object" and schema.get("additionalProperties") is not False:
            open_ones.add(frozenset(schema["properties"]))
        for each in nodes_of_schema(schema):
            look(each, seen)

    def nodes_of_schema(schema):
        yield from schema.get("properties", {}).values()
        for word in ("oneOf", "anyOf"):
            yield from schema.get(word, [])
        if "items" in schema:
            yield schema["items"]

    for operation in document.operations:
        for response in map(document.resolve, operation.spec["responses"].values()):
            for media in response.get("content", {}).values():
                look(media["schema"], set())
    assert open_ones == {frozenset({"id", "at", "event"})}


# ---- against the sources ----

def test_its_version_is_the_projects():
    with open(os.path.join(ROOT, "CMakeLists.txt"), encoding="utf-8") as text:
        version = re.search(r"project\(tokend VERSION ([0-9.]+)", text.read()).group(1)
    assert document.tree["info"]["version"] == version


def routes_in_sources(service):
    found = set()
    for folder in FOLDERS[service]:
        for text in source_files(folder):
            defines = dict(re.findall(r'#define (\w+) "([^"]+)"', text))
            for method, path, macro in ROUTE.findall(text):
                found.add((method, path or defines.get(macro)))
    return {(method, path) for method, path in found if path}


@pytest.mark.parametrize("service", FOLDERS)
def test_it_has_every_route_that_is_registered_and_no_other(service):
    documented = {(o.method, o.path.rstrip("/") or "/")
                  for o in document.operations if o.service == service}
    assert routes_in_sources(service) == documented


def failures():
    """The table of loginsvc's failures: {(status, code)}."""
    text = "".join(source_files("loginsvc/dialects"))
    return {(int(status), code) for status, code in
            re.findall(r'X\([A-Z_]+, (\d{3}), "([a-z_]+)", \d+, "', text)}


def problems(folder):
    """The codes that are replied with by name."""
    text = "".join(source_files(folder))
    call = r'(?:refuse|end_calls|http_reply_problem)\([^;]*?\d{3}, "([a-z_]+)"'
    return set(re.findall(call, text))


def test_the_codes_of_errors_are_those_of_the_programs():
    assert set(document.schema("LoginErrorCode")["enum"]) == {code for _, code in failures()}
    assert set(document.schema("TokendErrorCode")["enum"]) == problems("tokend/api")
    pages = {"bad_request", "body_too_large", "bad_expectation", "unknown_method"}
    with open(os.path.join(ROOT, "shared/http/problem.c"), encoding="utf-8") as text:
        assert set(re.findall(r'return "([a-z_]+)";', text.read())) == pages
    assert set(document.schema("ServerErrorCode")["enum"]) == pages | problems("shared/http")


def test_every_code_of_loginsvc_stands_with_its_own_status():
    documented = set()
    for operation in document.operations:
        if operation.service == "loginsvc" and operation.path.startswith("/v1/"):
            for status, response in operation.spec["responses"].items():
                content = document.resolve(response).get("content", {})
                media = content.get("application/problem+json")
                schema = media and media["schema"]
                if schema and schema.get("$ref", "").endswith("/NotRegistered"):
                    schema = document.schema("NotRegistered")
                code = schema["properties"]["code"] if schema else {}
                documented |= {(int(status), c) for c in code.get("enum", [code.get("const")]) if c}
    of_server = set(document.schema("ServerErrorCode")["enum"])
    assert {(s, c) for s, c in documented if c not in of_server} == {
        (s, c) for s, c in failures() if c not in of_server}
    assert {c for _, c in failures()} - of_server <= {c for _, c in documented}


def test_wechats_numbers_are_those_of_the_program():
    text = "".join(source_files("tokend/api"))
    numbers = {int(n) for n in re.findall(r'X\([A-Z_]+, (-?\d+), "', text)} - {0}
    assert set(document.schema("WechatError")["properties"]["errcode"]["enum"]) == numbers


def test_the_words_for_an_apps_state_are_those_of_the_program():
    words = set(re.findall(r'return "([a-z_]+)"', "".join(source_files("tokend/refresh"))))
    properties = document.schema("AppState")["properties"]
    assert set(properties["reason"]["enum"]) <= words
    states = set(re.findall(r'"([a-z_]+)"', re.search(
        r"wanted_state.*?view_state.*?\n\}", "".join(source_files("tokend/api")), re.S).group()))
    assert set(properties["state"]["enum"]) == states
