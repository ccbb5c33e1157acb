// Kafka's Java producer as a writer of every kind of log: plain records, transactions that commit, abort or stay
// open, several at once, and an application with exactly-once semantics like Kafka Streams'.
// A producer is called by a name and lives until it is closed or has failed.
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.TransactionState;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.UnsupportedVersionException;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

final class Writers {
    private final Map<String, Writer> writers = new ConcurrentHashMap<>();

    private static final long markersWaitMs = 20_000;
    private static final long lookAgainMs = 5;

    private static final class Writer {
        final KafkaProducer<byte[], byte[]> producer;
        final String transactionalId;
        final Properties client;
        private Admin admin;
        boolean isInTransaction;

        Writer(JsonNode request) {
            producer = newProducer(request);
            transactionalId = request.has("transactionalId") ? request.get("transactionalId").asText() : null;
            client = Log.clientProperties(request);
        }

        /** A producer hears of its commit before the markers stand in the logs; a later record may overtake them. */
        void waitForMarkers() throws Exception {
            if (admin == null) admin = Admin.create(client);
            long deadline = System.currentTimeMillis() + markersWaitMs;
            try {
                while (!isComplete(admin.describeTransactions(List.of(transactionalId)).description(transactionalId).get().state())) {
                    if (System.currentTimeMillis() > deadline) throw new IllegalStateException("the markers of " + transactionalId + " were not written in time");
                    Thread.sleep(lookAgainMs);
                }
            } catch (ExecutionException failure) {
                // Brokers before Kafka 3.0 can't tell (KIP-664).
                if (!(failure.getCause() instanceof UnsupportedVersionException)) throw failure;
            }
        }

        private static boolean isComplete(TransactionState state) {
            return state == TransactionState.COMPLETE_COMMIT || state == TransactionState.COMPLETE_ABORT || state == TransactionState.EMPTY;
        }

        void close(Duration patience) {
            producer.close(patience);
            if (admin != null) admin.close(Duration.ZERO);
        }
    }

    /** producer: its name. transactionalId: absent for a plain one. bootstrap, properties: see Log. */
    JsonNode open(JsonNode request) {
        String name = request.get("producer").asText();
        Writer writer = new Writer(request);
        Writer former = writers.put(name, writer);
        if (former != null) former.close(Duration.ZERO);
        if (request.has("transactionalId")) {
            try {
                writer.producer.initTransactions();
            } catch (RuntimeException failure) {
                drop(name, writer);
                throw failure;
            }
        }
        return Main.json.createObjectNode();
    }

    /** Sends the records outside of transactions; answers with their offsets. */
    JsonNode produce(JsonNode request) throws Exception {
        Writer writer = writer(request);
        synchronized (writer) {
            return offsets(send(writer.producer, request));
        }
    }

    /**
     * Sends the records in a transaction of that producer, which goes on where the last call ended with `open`.
     * end: commit, abort or open. What fails drops the producer, which has to be opened again.
     * isQuick: answers when the coordinator has taken the decision, before the markers are in the logs.
     */
    JsonNode transaction(JsonNode request) throws Exception {
        Writer writer = writer(request);
        String end = request.get("end").asText();
        synchronized (writer) {
            try {
                if (!writer.isInTransaction) writer.producer.beginTransaction();
                writer.isInTransaction = true;
                List<Future<RecordMetadata>> sent = send(writer.producer, request);
                writer.producer.flush();
                JsonNode offsets = offsets(sent);
                if (end.equals("commit")) writer.producer.commitTransaction();
                if (end.equals("abort")) writer.producer.abortTransaction();
                writer.isInTransaction = end.equals("open");
                if (!writer.isInTransaction && !request.path("isQuick").asBoolean(false)) writer.waitForMarkers();
                return offsets;
            } catch (Exception failure) {
                drop(request.get("producer").asText(), writer);
                throw failure;
            }
        }
    }

    /** isCrash: the process is gone without a word, as far as the cluster can see; a transaction stays open. */
    JsonNode close(JsonNode request) {
        Writer writer = writers.remove(request.get("producer").asText());
        if (writer != null) writer.close(request.path("isCrash").asBoolean(false) ? Duration.ZERO : Duration.ofSeconds(10));
        return Main.json.createObjectNode();
    }

    /**
     * An application with exactly-once semantics: reads `from` in a group, writes each record to every topic of `to`
     * (key kept, value with a suffix) and commits the group's offsets in the same transaction.
     * It ends when it has read up to the end that `from` had at the start.
     * Every abortEvery-th transaction is aborted and done again; every crashEvery-th one is left behind open and a
     * new instance with the same transactional id takes over.
     */
    JsonNode readProcessWrite(JsonNode request) {
        String from = request.get("from").asText();
        String group = request.get("group").asText();
        int abortEvery = request.path("abortEvery").asInt(0);
        int crashEvery = request.path("crashEvery").asInt(0);
        List<String> to = new ArrayList<>();
        request.get("to").forEach(topic -> to.add(topic.asText()));
        long read = 0, committed = 0, aborted = 0, crashed = 0, transactions = 0;
        KafkaProducer<byte[], byte[]> producer = newProducer(request);
        producer.initTransactions();
        KafkaConsumer<byte[], byte[]> consumer = newGroupMember(request, group);
        try {
            List<TopicPartition> places = consumer.partitionsFor(from).stream().map(info -> new TopicPartition(from, info.partition())).toList();
            Map<TopicPartition, Long> ends = consumer.endOffsets(places);
            consumer.subscribe(List.of(from));
            long deadline = System.currentTimeMillis() + request.path("waitMs").asLong(60_000);
            while (!isDone(consumer, places, ends)) {
                if (System.currentTimeMillis() > deadline) throw new IllegalStateException("read " + read + " records of " + from + " in time, but not all");
                ConsumerRecords<byte[], byte[]> records = consumer.poll(Duration.ofMillis(100));
                if (records.isEmpty()) continue;
                transactions++;
                producer.beginTransaction();
                for (ConsumerRecord<byte[], byte[]> record : records) {
                    for (String topic : to) producer.send(new ProducerRecord<>(topic, null, record.timestamp(), record.key(), processed(record.value())));
                }
                Map<TopicPartition, OffsetAndMetadata> positions = new HashMap<>();
                for (TopicPartition place : records.partitions()) positions.put(place, new OffsetAndMetadata(consumer.position(place)));
                producer.sendOffsetsToTransaction(positions, consumer.groupMetadata());
                if (crashEvery > 0 && transactions % crashEvery == 0) {
                    crashed++;
                    producer.flush();
                    KafkaProducer<byte[], byte[]> gone = producer;
                    producer = newProducer(request);
                    producer.initTransactions();
                    gone.close(Duration.ZERO);
                    rewind(consumer, records);
                } else if (abortEvery > 0 && transactions % abortEvery == 0) {
                    aborted++;
                    producer.flush();
                    producer.abortTransaction();
                    rewind(consumer, records);
                } else {
                    committed++;
                    producer.commitTransaction();
                    read += records.count();
                }
            }
        } finally {
            consumer.close();
            producer.close(Duration.ofSeconds(5));
        }
        return Main.json.createObjectNode().put("read", read).put("committed", committed).put("aborted", aborted).put("crashed", crashed);
    }

    private static boolean isDone(KafkaConsumer<byte[], byte[]> consumer, List<TopicPartition> places, Map<TopicPartition, Long> ends) {
        if (consumer.assignment().size() < places.size()) return false;
        return places.stream().allMatch(place -> consumer.position(place) >= ends.get(place));
    }

    private static void rewind(KafkaConsumer<byte[], byte[]> consumer, ConsumerRecords<byte[], byte[]> records) {
        for (TopicPartition place : records.partitions()) consumer.seek(place, records.records(place).get(0).offset());
    }

    private static byte[] processed(byte[] value) {
        if (value == null) return null;
        byte[] longer = java.util.Arrays.copyOf(value, value.length + 1);
        longer[value.length] = '!';
        return longer;
    }

    private static KafkaProducer<byte[], byte[]> newProducer(JsonNode request) {
        Properties properties = new Properties();
        properties.put("acks", "all");
        properties.put("enable.idempotence", "true");
        properties.put("linger.ms", "0");
        properties.put("request.timeout.ms", "5000");
        properties.put("delivery.timeout.ms", "60000");
        properties.put("max.block.ms", "60000");
        properties.put("retry.backoff.max.ms", "300");
        properties.put("buffer.memory", "33554432");
        properties.put("max.request.size", "16777216");
        properties.putAll(Log.clientProperties(request));
        if (request.has("transactionalId")) properties.put("transactional.id", request.get("transactionalId").asText());
        return new KafkaProducer<>(properties, new ByteArraySerializer(), new ByteArraySerializer());
    }

    private static KafkaConsumer<byte[], byte[]> newGroupMember(JsonNode request, String group) {
        Properties properties = new Properties();
        properties.put("bootstrap.servers", request.get("bootstrap").asText());
        properties.put("group.id", group);
        properties.put("isolation.level", "read_committed");
        properties.put("auto.offset.reset", "earliest");
        properties.put("enable.auto.commit", "false");
        properties.put("max.poll.records", request.path("recordsPerTransaction").asText("50"));
        return new KafkaConsumer<>(properties, new ByteArrayDeserializer(), new ByteArrayDeserializer());
    }

    private Writer writer(JsonNode request) {
        Writer writer = writers.get(request.get("producer").asText());
        if (writer == null) throw new IllegalStateException("no producer " + request.get("producer") + "; open it first");
        return writer;
    }

    private void drop(String name, Writer writer) {
        writers.remove(name, writer);
        writer.close(Duration.ZERO);
    }

    /** flushEvery: a batch holds at most so many records of a partition; all that fit by default. */
    private static List<Future<RecordMetadata>> send(KafkaProducer<byte[], byte[]> producer, JsonNode request) throws IOException {
        int flushEvery = request.path("flushEvery").asInt(0);
        List<Future<RecordMetadata>> sent = new ArrayList<>();
        for (JsonNode record : request.get("records")) {
            sent.add(producer.send(producerRecord(record)));
            if (flushEvery > 0 && sent.size() % flushEvery == 0) producer.flush();
        }
        return sent;
    }

    private static ProducerRecord<byte[], byte[]> producerRecord(JsonNode record) throws IOException {
        Integer partition = record.has("partition") ? record.get("partition").asInt() : null;
        Long timestamp = record.has("timestamp") ? record.get("timestamp").asLong() : null;
        List<Header> headers = new ArrayList<>();
        if (record.has("headers")) for (JsonNode header : record.get("headers")) headers.add(new RecordHeader(header.get(0).asText(), bytes(header.get(1))));
        return new ProducerRecord<>(record.get("topic").asText(), partition, timestamp, bytes(record.get("key")), bytes(record.get("value")), headers);
    }

    private static byte[] bytes(JsonNode base64) {
        return base64 == null || base64.isNull() ? null : Base64.getDecoder().decode(base64.asText());
    }

    private static ObjectNode offsets(List<Future<RecordMetadata>> sent) throws Exception {
        ObjectNode answer = Main.json.createObjectNode();
        ArrayNode offsets = answer.putArray("offsets");
        for (Future<RecordMetadata> record : sent) {
            RecordMetadata where = record.get();
            offsets.addArray().add(where.topic()).add(where.partition()).add(where.offset());
        }
        return answer;
    }
}
