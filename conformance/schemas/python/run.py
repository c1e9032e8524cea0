"""confluent-kafka's registry client and serializers with their default settings against BOLE_SCHEMAS_URL, an empty registry.

Serializers talk to the registry only; no broker is needed.
"""

import os

from confluent_kafka.schema_registry import ConfigCompatibilityLevel, Schema, SchemaReference, SchemaRegistryClient, ServerConfig
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.schema_registry.error import SchemaRegistryError
from confluent_kafka.schema_registry.json_schema import JSONDeserializer, JSONSerializer
from confluent_kafka.schema_registry.protobuf import ProtobufDeserializer, ProtobufSerializer
from confluent_kafka.serialization import MessageField, SerializationContext
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, timestamp_pb2

from checks import Checks

USER = '{"type":"record","name":"User","namespace":"x","fields":[{"name":"id","type":"long"}]}'
USER_WITH_NAME = USER.replace(']}', ',{"name":"name","type":"string","default":""}]}')
USER_WITHOUT_DEFAULT = USER.replace(']}', ',{"name":"nick","type":"string"}]}')


def value_of(topic):
    return SerializationContext(topic, MessageField.VALUE)


def subjects(checks, client):
    checks.equal("no subjects", client.get_subjects(), [])
    first = client.register_schema("users-value", Schema(USER, "AVRO"))
    checks.equal("the same schema, the same id", client.register_schema("other-value", Schema(USER, "AVRO")), first)
    second = client.register_schema("users-value", Schema(USER_WITH_NAME, "AVRO"))
    checks.equal("another schema, another id", second, first + 1)
    checks.equal("subjects", client.get_subjects(), ["other-value", "users-value"])
    checks.equal("versions", client.get_versions("users-value"), [1, 2])
    latest = client.get_latest_version("users-value")
    checks.equal("latest version", (latest.subject, latest.version, latest.schema_id), ("users-value", 2, second))
    checks.equal("latest schema", latest.schema.schema_str, USER_WITH_NAME)
    checks.equal("a version", client.get_version("users-value", 1).schema_id, first)
    checks.equal("a schema by id", client.get_schema(first).schema_str, USER)
    checks.equal("its type", client.get_schema(first).schema_type, "AVRO")
    found = client.lookup_schema("users-value", Schema(USER, "AVRO"))
    checks.equal("looked up", (found.version, found.schema_id), (1, first))
    full = client.register_schema_full_response("users-value", Schema(USER, "AVRO"))
    checks.equal("registered again", full.schema_id, first)
    fresh = SchemaRegistryClient({"url": os.environ["BOLE_SCHEMAS_URL"]})
    checks.equal("a schema by id, nothing cached", fresh.get_schema(second).schema_str, USER_WITH_NAME)


def compatibility(checks, client):
    checks.true("compatible", client.test_compatibility("users-value", Schema(USER_WITH_NAME, "AVRO")))
    checks.true("not compatible", not client.test_compatibility("users-value", Schema(USER_WITHOUT_DEFAULT, "AVRO")))
    checks.raises(
        "a registration that is not compatible",
        SchemaRegistryError,
        "Schema being registered is incompatible",
        lambda: client.register_schema("users-value", Schema('"string"', "AVRO")),
    )
    checks.equal("global level", client.get_compatibility(), "BACKWARD")
    client.set_compatibility("users-value", "NONE")
    checks.equal("level of a subject", client.get_compatibility("users-value"), "NONE")
    client.set_config("users-value", ServerConfig(compatibility=ConfigCompatibilityLevel.FULL))
    checks.equal("config of a subject", client.get_config("users-value").compatibility_level, "FULL")
    client.delete_config("users-value")
    checks.raises(
        "no level of its own", SchemaRegistryError, "Subject 'users-value' does not have", lambda: client.get_compatibility("users-value")
    )


def deletions(checks, client):
    client.register_schema("gone", Schema('"int"', "AVRO"))
    client.register_schema("gone", Schema('"long"', "AVRO"))
    checks.equal("delete a version", client.delete_version("gone", 1), 1)
    checks.equal("versions that are left", client.get_versions("gone"), [2])
    checks.equal("delete a subject", client.delete_subject("gone"), [2])
    checks.equal("delete it for good", client.delete_subject("gone", permanent=True), [1, 2])
    checks.raises("it is gone", SchemaRegistryError, "Subject 'gone' not found", lambda: client.get_versions("gone"))


def avro(checks, client):
    serializer = AvroSerializer(client, USER_WITH_NAME)
    message = serializer({"id": 7, "name": "ann"}, value_of("avro"))
    checks.equal("avro round trip", AvroDeserializer(client)(message, value_of("avro")), {"id": 7, "name": "ann"})
    old = AvroSerializer(client, USER, conf={"auto.register.schemas": False, "use.latest.version": False})
    client.register_schema("avro-old-value", Schema(USER, "AVRO"))
    message = old({"id": 8}, value_of("avro-old"))
    reader = AvroDeserializer(client, USER_WITH_NAME)
    checks.equal("avro, a newer reader", reader(message, value_of("avro-old")), {"id": 8, "name": ""})
    latest = AvroSerializer(client, conf={"auto.register.schemas": False, "use.latest.version": True})
    message = latest({"id": 9, "name": "bob"}, value_of("avro"))
    checks.equal("avro, latest version", AvroDeserializer(client)(message, value_of("avro")), {"id": 9, "name": "bob"})

    client.register_schema("user", Schema(USER, "AVRO"))
    order = '{"type":"record","name":"Order","namespace":"x","fields":[{"name":"user","type":"x.User"}]}'
    schema = Schema(order, "AVRO", [SchemaReference("x.User", "user", 1)])
    message = AvroSerializer(client, schema)({"user": {"id": 1}}, value_of("orders"))
    checks.equal("avro with a reference", AvroDeserializer(client)(message, value_of("orders")), {"user": {"id": 1}})


def json(checks, client):
    schema = '{"type":"object","title":"P","properties":{"x":{"type":"integer"},"a":{"$ref":"street.json"}},"additionalProperties":false}'
    client.register_schema("street", Schema('{"type":"string"}', "JSON"))
    with_reference = Schema(schema, "JSON", [SchemaReference("street.json", "street", 1)])
    serializer = JSONSerializer(with_reference, client)
    message = serializer({"x": 1, "a": "main"}, value_of("json"))
    reader = JSONDeserializer(with_reference, schema_registry_client=client)
    checks.equal("json round trip", reader(message, value_of("json")), {"x": 1, "a": "main"})
    stored = client.get_latest_version("json-value")
    checks.equal("json as stored", stored.schema.schema_str, schema)
    checks.equal("json reference", stored.schema.references[0].subject, "street")
    wider = schema.replace('"x":', '"y":{"type":"string"},"x":')
    checks.true(
        "json, a closed model may grow",
        client.test_compatibility("json-value", Schema(wider, "JSON", with_reference.references)),
    )
    checks.raises(
        "json that is no schema", SchemaRegistryError, "Invalid schema", lambda: client.register_schema("bad", Schema('{"type":"x"}', "JSON"))
    )


def proto_types():
    """A message that imports another file, made without a compiler."""
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(timestamp_pb2.DESCRIPTOR.serialized_pb)
    common = descriptor_pb2.FileDescriptorProto(name="common.proto", package="c", syntax="proto3")
    common.message_type.add(name="Street").field.add(
        name="name", number=1, type=descriptor_pb2.FieldDescriptorProto.TYPE_STRING, label=1
    )
    main = descriptor_pb2.FileDescriptorProto(name="main.proto", package="p", syntax="proto3")
    main.dependency.extend(["common.proto", "google/protobuf/timestamp.proto"])
    house = main.message_type.add(name="House")
    house.field.add(name="number", number=1, type=descriptor_pb2.FieldDescriptorProto.TYPE_INT32, label=1)
    message = descriptor_pb2.FieldDescriptorProto.TYPE_MESSAGE
    house.field.add(name="streets", number=2, type=message, type_name=".c.Street", label=3)
    house.field.add(name="built_at", number=3, type=message, type_name=".google.protobuf.Timestamp", label=1)
    for file in (common, main):
        pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("p.House"))


def protobuf(checks, client):
    House = proto_types()
    house = House(number=5)
    house.streets.add(name="main")
    house.built_at.seconds = 12
    settings = {"use.deprecated.format": False, "skip.known.types": True}
    message = ProtobufSerializer(House, client, settings)(house, value_of("proto"))
    reader = ProtobufDeserializer(House, {"use.deprecated.format": False}, client)
    checks.equal("protobuf round trip", reader(message, value_of("proto")), house)
    stored = client.get_latest_version("proto-value")
    checks.true("protobuf is shown as text", "message House" in stored.schema.schema_str, stored.schema.schema_str)
    checks.equal("protobuf reference", [one.name for one in stored.schema.references], ["common.proto"])
    again = client.register_schema("proto-copy-value", Schema(stored.schema.schema_str, "PROTOBUF", stored.schema.references))
    checks.equal("protobuf, text and descriptor are the same schema", again, stored.schema_id)
    text = 'syntax = "proto3"; package p; message Other { string a = 1; }'
    client.register_schema("proto-text", Schema(text, "PROTOBUF"))
    changed = text.replace("string", "int32")
    checks.true("protobuf, a type that changed", not client.test_compatibility("proto-text", Schema(changed, "PROTOBUF")))


def main():
    checks = Checks()
    client = SchemaRegistryClient({"url": os.environ["BOLE_SCHEMAS_URL"]})
    for family in (subjects, compatibility, deletions, avro, json, protobuf):
        checks.family(family, client)
    checks.finish()


main()
