# A consumer of confluent-kafka: joins a group, reads so many records, commits them and stops.
# Arguments: bootstrap, topic, group, count, group.protocol and, if there are any, further settings as JSON.
# Prints partition, offset and value of each record.
import json
import sys
import time

from confluent_kafka import Consumer

bootstrap, topic, group, count, protocol = sys.argv[1:6]
consumer = Consumer(
    {
        "bootstrap.servers": bootstrap,
        "group.id": group,
        "group.protocol": protocol,
        "auto.offset.reset": "earliest",
        "enable.auto.commit": False,
        **(json.loads(sys.argv[6]) if len(sys.argv) > 6 else {}),
    }
)
consumer.subscribe([topic])
seen = 0
deadline = time.monotonic() + 60
while seen < int(count) and time.monotonic() < deadline:
    message = consumer.poll(1.0)
    if message is None:
        continue
    if message.error():
        print(message.error(), file=sys.stderr)
        continue
    seen += 1
    print(f"{message.partition()}\t{message.offset()}\t{message.value().decode()}")
    consumer.commit(message, asynchronous=False)
consumer.close()
sys.exit(0 if seen == int(count) else 1)
