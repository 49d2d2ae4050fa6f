"""The provider's side of a plan: what is known before anything is made, and what is not."""

import json
import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cached_property
from typing import Any

import grpc
import msgpack

from tests.infrastructure.terraform.stand_in.policies import UNKNOWN, render
from tests.infrastructure.terraform.stand_in.protocol import CALLS, MESSAGES, SERVICE
from tests.infrastructure.terraform.stand_in.schema import (
    Attribute,
    Block,
    Kind,
    NestedBlock,
    Schemas,
    Type,
)

ACCOUNT = "000000000000"
_NESTING = {"single": 1, "list": 2, "set": 3, "map": 4}
_ERROR = 1
_PROVIDER = Block(
    {"region": Attribute("string"), "allowed_account_ids": Attribute(["set", "string"])},
    {
        "default_tags": NestedBlock(
            Block({"tags": Attribute(["map", "string"])}), "list", least=0, most=1
        )
    },
)
_MEBIBYTE = 1 << 20
_OPTIONS = [
    ("grpc.max_send_message_length", 64 * _MEBIBYTE),
    ("grpc.max_receive_message_length", 64 * _MEBIBYTE),
]
_NAMES = ("name", "bucket", "identifier", "cluster_identifier", "family", "function_name")
# What is made up must be of a form that can be worked with.
_TEXTS = {
    "ipv6_cidr_block": "2001:db8::/56",
    "secret_string": json.dumps({"username": "somebody", "password": "not-one"}),
}
# What AWS would answer, by data source; anything else that is asked for is known after apply.
_ANSWERS: Mapping[str, Mapping[str, Any]] = {
    "aws_caller_identity": {"account_id": ACCOUNT, "arn": f"arn:aws:iam::{ACCOUNT}:user/planner"},
    "aws_partition": {"partition": "aws", "dns_suffix": "amazonaws.com"},
    "aws_region": {"region": "ap-northeast-2", "name": "ap-northeast-2", "id": "ap-northeast-2"},
}


class Provider:
    """Answers Terraform's calls; each method is the call of that name."""

    def __init__(self, schemas: Schemas) -> None:
        self._schemas = schemas

    @cached_property
    def _schema(self) -> Any:
        # Terraform asks again and again, and it is some megabytes.
        answer = MESSAGES["Schemas"](provider=_schema(_PROVIDER))
        fields: dict[Kind, str] = {
            "resource": "resource_schemas",
            "data": "data_source_schemas",
            "ephemeral": "ephemeral_resource_schemas",
        }
        for kind, field in fields.items():
            for name, block in self._schemas[kind].items():
                getattr(answer, field)[name].CopyFrom(_schema(block))
        return answer

    def get_schema(self, _request: Any) -> Any:
        """Tell what every resource is made of."""
        return self._schema

    def prepare_provider_config(self, request: Any) -> Any:
        """Take any region and tags."""
        return MESSAGES["PreparedConfiguration"](prepared_config=request.config)

    def accept(self, _request: Any) -> Any:
        """Say nothing against it: what is no matter of the schema is AWS's to judge."""
        return MESSAGES["Verdict"]()

    def plan_resource_change(self, request: Any) -> Any:
        """Keep what is written; what the provider may fill is known after apply."""
        proposed = _unpack(request.proposed_new_state)
        if proposed is not None:
            proposed = _fill(proposed, self._schemas["resource"][request.type_name])
            if request.type_name == "aws_acm_certificate":
                proposed["domain_validation_options"] = _proofs(proposed)
        return MESSAGES["PlannedChange"](planned_state=_pack(proposed), legacy_type_system=True)

    def apply_resource_change(self, request: Any) -> Any:
        """Make nothing, and make up what AWS would have told: ARNs, ids, addresses."""
        planned = _unpack(request.planned_state)
        if planned is not None:
            name = next((planned[key] for key in _NAMES if _is_text(planned.get(key))), "unnamed")
            arn = f"arn:aws:easel:ap-northeast-2:{ACCOUNT}:{request.type_name}/{name}"
            planned = _settle(planned, self._schemas["resource"][request.type_name].type, arn)
        return MESSAGES["AppliedChange"](new_state=_pack(planned), legacy_type_system=True)

    def read_data_source(self, request: Any) -> Any:
        """Answer as an empty account in Seoul would."""
        name, config = request.type_name, _unpack(request.config)
        try:
            state = {**config, **self._answer(name, config)}
        except ValueError as error:
            complaint = MESSAGES["Diagnostic"](severity=_ERROR, summary=str(error))
            return MESSAGES["ReadState"](diagnostics=[complaint])
        return MESSAGES["ReadState"](state=_pack(state))

    def _answer(self, name: str, config: Mapping[str, Any]) -> Mapping[str, Any]:
        if name == "aws_iam_policy_document":
            document = render(config)
            return {"json": document, "minified_json": json.dumps(json.loads(document)), "id": "0"}
        known = _ANSWERS.get(name, {})
        block = self._schemas["data"][name]
        made_up = {
            each: _value(each, attribute.type)
            for each, attribute in block.attributes.items()
            if config.get(each) is None
        }
        return {**made_up, **{each: value for each, value in known.items() if each in made_up}}

    def open_ephemeral_resource(self, request: Any) -> Any:
        """Make something up that lives as long as the plan."""
        config = _unpack(request.config)
        block = self._schemas["ephemeral"][request.type_name]
        made_up = {
            name: _value(name, attribute.type)
            for name, attribute in block.attributes.items()
            if config.get(name) is None
        }
        return MESSAGES["Opened"](result=_pack({**config, **made_up}))

    def stop(self, _request: Any) -> Any:
        """Have nothing to stop."""
        return MESSAGES["Nothing"]()


@contextmanager
def serve(schemas: Schemas) -> Iterator[str]:
    """Serve the provider on a free port of this machine; give `TF_REATTACH_PROVIDERS`."""
    provider = Provider(schemas)
    server = grpc.server(ThreadPoolExecutor(8), options=_OPTIONS)
    server.add_generic_rpc_handlers((_handlers(provider),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    address = {"Network": "tcp", "String": f"127.0.0.1:{port}"}
    reattach = {"Protocol": "grpc", "ProtocolVersion": 5, "Pid": os.getpid(), "Test": True}
    try:
        yield json.dumps({"registry.terraform.io/hashicorp/aws": {**reattach, "Addr": address}})
    finally:
        server.stop(grace=None).wait()


def _handlers(provider: Provider) -> Any:
    methods: dict[str, Callable[[Any], Any]] = {
        "GetSchema": provider.get_schema,
        "PrepareProviderConfig": provider.prepare_provider_config,
        "PlanResourceChange": provider.plan_resource_change,
        "ApplyResourceChange": provider.apply_resource_change,
        "ReadDataSource": provider.read_data_source,
        "OpenEphemeralResource": provider.open_ephemeral_resource,
        "Stop": provider.stop,
    }
    handlers = {
        call: _handler(methods.get(call, provider.accept), MESSAGES[given].FromString)
        for call, (given, _) in CALLS.items()
    }
    return grpc.method_handlers_generic_handler(SERVICE, handlers)


def _handler(method: Callable[[Any], Any], read: Callable[[bytes], Any]) -> Any:
    return grpc.unary_unary_rpc_method_handler(
        lambda request, _context: method(request),
        request_deserializer=read,
        response_serializer=lambda message: message.SerializeToString(),
    )


def _schema(block: Block) -> Any:
    return MESSAGES["Schema"](block=_block(block))


def _block(block: Block) -> Any:
    message = MESSAGES["Block"]()
    for name, each in block.attributes.items():
        message.attributes.add(
            name=name,
            type=json.dumps(each.type).encode(),
            required=each.required,
            optional=not each.required and not each.read_only,
            computed=not each.required and not each.write_only,
            sensitive=each.sensitive,
            write_only=each.write_only,
        )
    for name, nested in block.blocks.items():
        message.block_types.add(
            type_name=name,
            block=_block(nested.block),
            nesting=_NESTING[nested.nesting],
            min_items=nested.least,
            max_items=nested.most,
        )
    return message


def _fill(values: Mapping[str, Any], block: Block) -> dict[str, Any]:
    filled = dict(values)
    for name, each in block.attributes.items():
        if each.write_only:
            filled[name] = None
        elif not each.required and filled[name] is None:
            filled[name] = UNKNOWN
    for name, nested in block.blocks.items():
        inside = filled[name]
        if isinstance(inside, dict) and nested.nesting == "single":
            filled[name] = _fill(inside, nested.block)
        elif isinstance(inside, list):
            filled[name] = [
                _fill(each, nested.block) if isinstance(each, dict) else each for each in inside
            ]
    return filled


def _proofs(certificate: Mapping[str, Any]) -> list[dict[str, Any]]:
    # The provider knows which names are to be proved as soon as they are written.
    names = {certificate["domain_name"]}
    if isinstance(certificate["subject_alternative_names"], list):
        names.update(certificate["subject_alternative_names"])
    record = ("resource_record_name", "resource_record_type", "resource_record_value")
    return [{"domain_name": name, **dict.fromkeys(record, UNKNOWN)} for name in sorted(names)]


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and value != ""


def _settle(value: Any, kind: Type, arn: str, name: str = "") -> Any:
    if isinstance(value, msgpack.ExtType):
        return _value(name, kind, arn)
    if isinstance(kind, str) or value is None:
        return value
    if kind[0] == "object":
        return {key: _settle(value[key], inner, arn, key) for key, inner in kind[1].items()}
    if kind[0] == "map":
        return {key: _settle(each, kind[1], arn, name) for key, each in value.items()}
    return [_settle(each, kind[1], arn, name) for each in value]


def _value(name: str, kind: Type, arn: str = "") -> Any:
    if isinstance(kind, str):
        text = _TEXTS.get(name) or f"some-{name.replace('_', '-')}"
        if arn and name == "id":
            text = arn.partition("/")[2]
        elif arn and name.endswith("arn"):
            text = arn
        return {"number": 1, "bool": False, "string": text}.get(kind)
    if kind[0] == "object":
        return {member: _value(member, its_kind, arn) for member, its_kind in kind[1].items()}
    return {} if kind[0] == "map" else [_value(name, kind[1], arn)]


def _unpack(value: Any) -> Any:
    return msgpack.unpackb(value.msgpack, raw=False, strict_map_key=False)


def _pack(value: Any) -> Any:
    return MESSAGES["DynamicValue"](msgpack=msgpack.packb(value, use_bin_type=True))
