# confluent-kafka as an application that lives through a move.
# Arguments: consume or produce, the topic, and librdkafka's settings as JSON.
# consume: prints partition, offset and value of each record, and commits it. Ends with its standard input.
# produce: sends each line of its standard input; prints partition, offset and value when it is acknowledged, or `failed`.
import json
import sys
import threading

from confluent_kafka import Consumer, KafkaError, Producer

role, topic, settings = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])


def show(*words):
    print("\t".join(str(word) for word in words), flush=True)


def consume():
    consumer = Consumer({"auto.offset.reset": "earliest", "enable.auto.commit": False, **settings})
    consumer.subscribe([topic])
    ended = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
    while not ended.is_set():
        message = consumer.poll(0.2)
        if message is None:
            continue
        if message.error():
            print(message.error(), file=sys.stderr, flush=True)
            if message.error().code() == KafkaError._FATAL:
                sys.exit(1)
            continue
        show(message.partition(), message.offset(), message.value().decode())
        try:
            consumer.commit(message, asynchronous=False)
        except Exception as error:
            print(error, file=sys.stderr, flush=True)
    consumer.close()


def produce():
    producer = Producer(settings)

    def told(error, message):
        if error is not None:
            show("failed", error)
        else:
            show(message.partition(), message.offset(), message.value().decode())

    stopped = threading.Event()

    def poll():
        while not stopped.is_set():
            producer.poll(0.1)

    poller = threading.Thread(target=poll)
    poller.start()
    for line in sys.stdin:
        producer.produce(topic, line.rstrip("\n").encode(), on_delivery=told)
    producer.flush(30)
    stopped.set()
    poller.join()


consume() if role == "consume" else produce()
