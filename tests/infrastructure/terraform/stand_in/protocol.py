"""The messages of Terraform's plugin protocol, version 5, as far as a plan needs them.

A field that a message here does not name is left out when it is sent and passed over when it comes.
"""

import re
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

SERVICE = "tfplugin5.Provider"
_FIELD = re.compile(r"(many |map )?(\w+) (\w+) (\d+)")
_MESSAGES = {
    "DynamicValue": "bytes msgpack 1, bytes json 2",
    "Diagnostic": "int64 severity 1, string summary 2, string detail 3",
    "Attribute": (
        "string name 1, bytes type 2, bool required 4, bool optional 5, bool computed 6, "
        "bool sensitive 7, bool write_only 10"
    ),
    "NestedBlock": (
        "string type_name 1, Block block 2, int64 nesting 3, int64 min_items 4, int64 max_items 5"
    ),
    "Block": "many Attribute attributes 2, many NestedBlock block_types 3",
    "Schema": "Block block 2",
    "Nothing": "",
    "Schemas": (
        "Schema provider 1, map Schema resource_schemas 2, map Schema data_source_schemas 3, "
        "map Schema ephemeral_resource_schemas 8"
    ),
    "Configuration": "string type_name 1, DynamicValue config 2",
    "ProviderConfiguration": "DynamicValue config 1",
    "PreparedConfiguration": "DynamicValue prepared_config 1, many Diagnostic diagnostics 2",
    "Verdict": "many Diagnostic diagnostics 1",
    "Change": "string type_name 1, DynamicValue proposed_new_state 3",
    "PlannedChange": (
        "DynamicValue planned_state 1, many Diagnostic diagnostics 4, bool legacy_type_system 5"
    ),
    "ConfirmedChange": "string type_name 1, DynamicValue planned_state 3",
    "AppliedChange": (
        "DynamicValue new_state 1, many Diagnostic diagnostics 3, bool legacy_type_system 4"
    ),
    "ReadState": "DynamicValue state 1, many Diagnostic diagnostics 2",
    "Opened": "many Diagnostic diagnostics 1, DynamicValue result 3",
    "Closing": "string type_name 1, bytes private 2",
}
# Each call with what it is given and what it answers.
CALLS = {
    "GetSchema": ("Nothing", "Schemas"),
    "PrepareProviderConfig": ("ProviderConfiguration", "PreparedConfiguration"),
    "Configure": ("Nothing", "Verdict"),
    "ValidateResourceTypeConfig": ("Configuration", "Verdict"),
    "ValidateDataSourceConfig": ("Configuration", "Verdict"),
    "ValidateEphemeralResourceConfig": ("Configuration", "Verdict"),
    "PlanResourceChange": ("Change", "PlannedChange"),
    "ApplyResourceChange": ("ConfirmedChange", "AppliedChange"),
    "ReadDataSource": ("Configuration", "ReadState"),
    "OpenEphemeralResource": ("Configuration", "Opened"),
    "CloseEphemeralResource": ("Closing", "Verdict"),
    "Stop": ("Nothing", "Nothing"),
}
_SCALARS = {
    "bytes": descriptor_pb2.FieldDescriptorProto.TYPE_BYTES,
    "string": descriptor_pb2.FieldDescriptorProto.TYPE_STRING,
    "bool": descriptor_pb2.FieldDescriptorProto.TYPE_BOOL,
    "int64": descriptor_pb2.FieldDescriptorProto.TYPE_INT64,
}
_Field = descriptor_pb2.FieldDescriptorProto


def _describe() -> descriptor_pb2.FileDescriptorProto:
    file = descriptor_pb2.FileDescriptorProto(
        name="easel-plan.proto", package="tfplugin5", syntax="proto3"
    )
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for how, kind, field, number in _FIELD.findall(fields):
            label = _Field.LABEL_REPEATED if how else _Field.LABEL_OPTIONAL
            added = message.field.add(name=field, number=int(number), label=label)
            if how == "map ":
                entry = "".join(word.capitalize() for word in field.split("_")) + "Entry"
                _add_entry(message, entry, kind)
                kind = f"{name}.{entry}"
            _set_type(added, kind)
    return file


def _add_entry(message: descriptor_pb2.DescriptorProto, name: str, kind: str) -> None:
    entry = message.nested_type.add(name=name)
    entry.options.map_entry = True
    for number, (field, its_kind) in enumerate((("key", "string"), ("value", kind)), 1):
        added = entry.field.add(name=field, number=number, label=_Field.LABEL_OPTIONAL)
        _set_type(added, its_kind)


def _set_type(field: descriptor_pb2.FieldDescriptorProto, kind: str) -> None:
    if kind in _SCALARS:
        field.type = _SCALARS[kind]
    else:
        field.type = _Field.TYPE_MESSAGE
        field.type_name = f".tfplugin5.{kind}"


def _build() -> dict[str, Any]:
    pool = descriptor_pool.DescriptorPool()
    pool.Add(_describe())
    return {
        name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"tfplugin5.{name}"))
        for name in _MESSAGES
    }


# The classes are made while the program runs: their fields are not for mypy to know.
MESSAGES: dict[str, Any] = _build()
