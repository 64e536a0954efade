"""CloudFormation's functions, as far as the templates use them: what a value is in one region, with given parameters."""

import re
from collections.abc import Mapping
from typing import Any

Json = dict[str, Any]
NOTHING = object()  # AWS::NoValue


class Resolver:
    """`parameters` over the template's defaults; `attributes` of resources, by `Name` or `Name.Attribute`."""

    def __init__(self, template: Json, region: str, parameters: Mapping[str, Any], attributes: Mapping[str, str]) -> None:
        defaults = {name: each.get("Default") for name, each in template["Parameters"].items()}
        pseudo = {
            "AWS::Region": region,
            "AWS::Partition": "aws",
            "AWS::URLSuffix": "amazonaws.com",
            "AWS::AccountId": "123456789012",
            "AWS::StackName": "oneroster-prod",
            "AWS::NoValue": NOTHING,
        }
        self.conditions = template.get("Conditions", {})
        self.known: Json = {**defaults, **parameters, **pseudo, **attributes}

    def __call__(self, value: Any) -> Any:
        match value:
            case {"Ref": name}:
                return self.known[name]
            case {"Fn::GetAtt": [name, attribute]}:
                return self.known[f"{name}.{attribute}"]
            case {"Fn::If": [condition, so, otherwise]}:
                return self(so if self(self.conditions[condition]) else otherwise)
            case {"Fn::Not": [inner]}:
                return not self(inner)
            case {"Fn::Equals": [one, other]}:
                return str(self(one)) == str(self(other))
            case {"Fn::Sub": [str() as text, dict() as more]}:
                return self._filled(text, {name: self(each) for name, each in more.items()})
            case {"Fn::Sub": str() as text}:
                return self._filled(text, {})
            case dict():
                return {name: made for name, each in value.items() if (made := self(each)) is not NOTHING}
            case list():
                return [made for each in value if (made := self(each)) is not NOTHING]
            case _:
                return value

    def _filled(self, text: str, more: Json) -> str:
        return re.sub(r"\$\{([^!}]+)\}", lambda found: str({**self.known, **more}[found[1]]), text)
