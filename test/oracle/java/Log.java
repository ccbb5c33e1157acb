// One partition of one cluster as a Java consumer sees it: where it starts and ends, and its records one by one.
// Memory is bounded by the consumer's fetch sizes, whatever the log's length.
import com.fasterxml.jackson.databind.JsonNode;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/** The logs of one topic of one cluster, for consumers of one isolation level. */
final class Log implements AutoCloseable {
    final String topic;
    private final KafkaConsumer<byte[], byte[]> consumer;

    /** `side`: bootstrap, topic and, where the cluster has security, properties of the Java client. */
    Log(JsonNode side, String isolationLevel) {
        topic = side.get("topic").asText();
        Properties properties = new Properties();
        properties.put("isolation.level", isolationLevel);
        properties.put("enable.auto.commit", "false");
        properties.put("auto.offset.reset", "none"); // a position that retention removed must be loud
        properties.put("max.poll.records", "500");
        properties.put("fetch.max.bytes", "4194304");
        properties.put("max.partition.fetch.bytes", "1048576");
        properties.put("check.crcs", "true");
        properties.put("fetch.max.wait.ms", "100");
        properties.putAll(clientProperties(side));
        consumer = new KafkaConsumer<>(properties, new ByteArrayDeserializer(), new ByteArrayDeserializer());
    }

    static Properties clientProperties(JsonNode side) {
        Properties properties = new Properties();
        properties.put("bootstrap.servers", side.get("bootstrap").asText());
        properties.put("reconnect.backoff.max.ms", "500");
        JsonNode extra = side.get("properties");
        if (extra != null) extra.fields().forEachRemaining(entry -> properties.put(entry.getKey(), entry.getValue().asText()));
        return properties;
    }

    List<Integer> partitions() {
        return consumer.partitionsFor(topic).stream().map(info -> info.partition()).sorted().toList();
    }

    long start(int partition) {
        TopicPartition place = new TopicPartition(topic, partition);
        return consumer.beginningOffsets(List.of(place)).get(place);
    }

    /** The last stable offset for read_committed, the high watermark for read_uncommitted. */
    Map<TopicPartition, Long> ends(List<Integer> partitions) {
        return consumer.endOffsets(partitions.stream().map(partition -> new TopicPartition(topic, partition)).toList());
    }

    Cursor read(int partition, long from, long end) {
        TopicPartition place = new TopicPartition(topic, partition);
        consumer.assign(List.of(place));
        consumer.seek(place, from);
        return new Cursor(place, end);
    }

    @Override
    public void close() {
        consumer.close(Duration.ofSeconds(1));
    }

    /** Records below `end`, in order. */
    final class Cursor {
        private static final long progressWaitMs = 30_000;
        private final TopicPartition place;
        private final long end;
        private final ArrayDeque<ConsumerRecord<byte[], byte[]>> fetched = new ArrayDeque<>();

        private Cursor(TopicPartition place, long end) {
            this.place = place;
            this.end = end;
        }

        /** The next record, or null when the consumer's position has passed the end: holes need no record to be passed. */
        ConsumerRecord<byte[], byte[]> next() {
            long deadline = System.currentTimeMillis() + progressWaitMs;
            while (fetched.isEmpty()) {
                long position = consumer.position(place);
                if (position >= end) return null;
                for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofMillis(200)).records(place)) fetched.add(record);
                if (consumer.position(place) > position) deadline = System.currentTimeMillis() + progressWaitMs;
                if (System.currentTimeMillis() > deadline) {
                    throw new IllegalStateException("the consumer stays at offset " + position + " of " + place + ", whose end is " + end);
                }
            }
            return fetched.peek().offset() >= end ? null : fetched.poll();
        }
    }
}
