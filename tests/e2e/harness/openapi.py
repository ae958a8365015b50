"""docs/openapi.yaml: its operations, and whether a value, a request or an answer is as it says."""
import json
import os
import re
from dataclasses import dataclass, field

import jsonschema
import yaml

ROOT = os.path.normpath(os.path.join(os.path.dirname(__file__), "..", "..", ".."))
METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
INT64 = range(-2**63, 2**63)


def _pattern(_, pattern, value, __):
    """As ECMA has it: "$" is the end, not also what stands before a last line feed."""
    if isinstance(value, str) and not re.search(re.sub(r"\$$", r"\\Z", pattern), value):
        yield jsonschema.ValidationError(f"{value[:200]!r} does not match {pattern}")


def _max_bytes(_, most, value, __):
    if isinstance(value, str) and len(value.encode()) > most:
        yield jsonschema.ValidationError(f"{value[:200]!r} has more than {most} bytes")


def _format(_, name, value, __):
    if name == "int64" and type(value) is int and value not in INT64:
        yield jsonschema.ValidationError(f"{value} has more than 64 bits")


Validator = jsonschema.validators.extend(
    jsonschema.Draft202012Validator,
    {"pattern": _pattern, "x-max-bytes": _max_bytes, "format": _format})


@dataclass
class Operation:
    service: str                 # "loginsvc", "tokend"
    method: str                  # "POST"
    path: str                    # "/v1/apps/{appid}"
    spec: dict = field(repr=False)
    parameters: list = field(repr=False)

    @property
    def name(self):
        return f"{self.spec['operationId']}@{self.service}"

    @property
    def scheme(self):
        """The security scheme that it needs: "session", "apiKey" or None."""
        return next((name for each in self.spec["security"] for name in each), None)

    @property
    def scopes(self):
        return self.spec["security"][0].get("apiKey", [])

    def bodies(self):
        """Media type → schema."""
        content = self.spec.get("requestBody", {}).get("content", {})
        return {media: each["schema"] for media, each in content.items()}


class Document:
    def __init__(self, path=os.path.join(ROOT, "docs", "openapi.yaml")):
        with open(path, encoding="utf-8") as text:
            self.tree = yaml.safe_load(text)
        self.operations = [self._operation(service, method, path, item)
                           for path, item in self.tree["paths"].items()
                           for method in METHODS if method in item
                           for service in item[method]["tags"]]

    def _operation(self, service, method, path, item):
        spec = item[method]
        parameters = [self.resolve(p) for p in
                      item.get("parameters", []) + spec.get("parameters", [])]
        return Operation(service, method.upper(), path, spec, parameters)

    def operation(self, name):
        return next(o for o in self.operations if o.name == name)

    def item(self, path):
        return self.tree["paths"][path]

    def has_path(self, path):
        return any(re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", known), path)
                   for known in self.tree["paths"])

    def look_up(self, ref):
        node = self.tree
        assert ref.startswith("#/"), ref
        for step in ref[2:].split("/"):
            node = node[step.replace("~1", "/").replace("~0", "~")]
        return node

    def resolve(self, node):
        return self.look_up(node["$ref"]) if "$ref" in node else node

    def schema(self, name):
        return self.tree["components"]["schemas"][name]

    def body_schema(self, operation):
        """Of what is sent; None where nothing is."""
        return next((self.resolve(schema) for schema in operation.bodies().values()), None)

    # ---- values ----

    def faults(self, schema, value):
        whole = {**schema, "components": self.tree["components"]} if schema is not True else {}
        return [f"{'/'.join(map(str, e.absolute_path))}: {e.message[:400]}"
                for e in Validator(whole).iter_errors(value)]

    def allows(self, schema, value):
        return not self.faults(schema, value)

    # ---- answers ----

    def check(self, operation, answer):
        """A requests.Response to this operation: its status, media type, headers and body must be
        in the document."""
        self.check_against(operation.spec["responses"], answer)

    def check_other_method(self, path, answer):
        self.check_against(self.item(path)["x-other-methods"], answer)

    def check_unknown_path(self, answer):
        self.check_against(self.tree["x-unknown-path"], answer)

    def check_against(self, responses, answer):
        told = f"{answer.request.method} {answer.url[:300]} → {answer.status_code} " \
               f"{answer.text[:300]}"
        assert str(answer.status_code) in responses, f"status not documented: {told}"
        response = self.resolve(responses[str(answer.status_code)])
        faults = self._header_faults(response.get("headers", {}), answer)
        faults += self._body_faults(response.get("content", {}), answer)
        if answer.status_code == 429 and "Retry-After" not in answer.headers:
            faults.append("429 without Retry-After")
        assert not faults, f"{faults}: {told}"

    def _header_faults(self, headers, answer):
        faults = []
        for name, header in headers.items():
            header, value = self.resolve(header), answer.headers.get(name)
            if value is None:
                faults += [f"no header {name}"] if header.get("required") else []
                continue
            if header["schema"].get("type") == "integer" and re.fullmatch(r"\d+", value):
                value = int(value)
            faults += [f"{name}: {fault}" for fault in self.faults(header["schema"], value)]
        return faults

    def _body_faults(self, content, answer):
        if answer.request.method == "HEAD":
            return ["a body"] if answer.content else []
        if not content:
            return ["a body"] if answer.content else []
        media = answer.headers.get("Content-Type", "").split(";")[0].strip()
        if media not in content:
            return [f"Content-Type {media!r}"]
        if not media.endswith("json"):
            return self.faults(content[media]["schema"], answer.text)
        body = json.loads(answer.content.decode())
        faults = self.faults(content[media]["schema"], body)
        if media == "application/problem+json" and body.get("status") != answer.status_code:
            faults.append("another status in the body")
        return faults
