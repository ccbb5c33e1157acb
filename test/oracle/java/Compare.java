// Are two logs the same for a read_committed consumer? Both sides are read in lock step up to the source's last
// stable offset, and offset, timestamp, key, value and headers of every record are compared.
// Where batches begin and which offsets hold markers is invisible to such a consumer, and not compared.
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Header;

final class Compare {
    private static final int shownBytesMax = 60;
    private static final long lookAgainMs = 100;

    /**
     * source, destination: see Log. partitions: all by default. shift: destination offset = source offset - shift.
     * waitMs: how long the destination gets to arrive. isGrowing: records behind the cut at the destination are
     * no difference. startAtLater: records that retention took from one side only are not compared. isCompacted: a
     * record may be on one side only where Kafka's cleaner may remove it.
     */
    static JsonNode run(JsonNode request) throws InterruptedException {
        String isolation = request.path("isolation").asText("read_committed");
        try (Log source = new Log(request.get("source"), isolation);
             Log destination = new Log(request.get("destination"), isolation);
             Log visible = new Log(request.get("destination"), "read_uncommitted")) {
            List<Integer> partitions = chosen(request, source);
            long shift = request.path("shift").asLong(0);
            Map<TopicPartition, Long> cuts = source.ends(partitions);
            List<Integer> there = destination.partitions();
            List<Integer> common = partitions.stream().filter(there::contains).toList();
            waitForArrival(destination, common, cuts, source.topic, shift, request.path("waitMs").asLong(30_000));
            Map<TopicPartition, Long> ends = destination.ends(common);
            Map<TopicPartition, Long> highWatermarks = visible.ends(common);
            ArrayNode compared = Main.json.createArrayNode();
            for (int partition : partitions) {
                ObjectNode row = compared.addObject().put("partition", partition);
                if (!common.contains(partition)) {
                    row.put("records", 0).put("difference", "the destination has no such partition");
                    continue;
                }
                long cut = cuts.get(new TopicPartition(source.topic, partition));
                TopicPartition place = new TopicPartition(destination.topic, partition);
                comparePartition(row, request, source, destination, partition, shift, cut, ends.get(place), highWatermarks.get(place));
            }
            return Main.json.createObjectNode().set("partitions", compared);
        }
    }

    private static List<Integer> chosen(JsonNode request, Log source) {
        JsonNode wanted = request.get("partitions");
        if (wanted == null) return source.partitions();
        List<Integer> partitions = new ArrayList<>();
        wanted.forEach(partition -> partitions.add(partition.asInt()));
        return partitions;
    }

    private static void waitForArrival(Log destination, List<Integer> partitions, Map<TopicPartition, Long> cuts,
                                       String sourceTopic, long shift, long waitMs) throws InterruptedException {
        long deadline = System.currentTimeMillis() + waitMs;
        while (System.currentTimeMillis() < deadline) {
            boolean isThere = destination.ends(partitions).entrySet().stream().allMatch(end ->
                end.getValue() >= cuts.get(new TopicPartition(sourceTopic, end.getKey().partition())) - shift);
            if (isThere) return;
            Thread.sleep(lookAgainMs);
        }
    }

    private static void comparePartition(ObjectNode row, JsonNode request, Log source, Log destination, int partition,
                                         long shift, long cut, long destinationEnd, long destinationHighWatermark) {
        long sourceStart = source.start(partition);
        long destinationStart = destination.start(partition);
        row.put("sourceStart", sourceStart).put("sourceEnd", cut);
        row.put("destinationStart", destinationStart).put("destinationEnd", destinationEnd);
        boolean startsAtLater = request.path("startAtLater").asBoolean(false);
        long from = startsAtLater ? Math.min(cut, Math.max(sourceStart, destinationStart + shift)) : sourceStart;
        String difference = null;
        if (destinationEnd < cut - shift) {
            difference = "the destination ends at " + destinationEnd + "; expected " + (cut - shift);
        } else if (!startsAtLater && destinationStart > sourceStart - shift) {
            difference = "the destination starts at " + destinationStart + "; expected at most " + (sourceStart - shift);
        } else if (!request.path("isGrowing").asBoolean(false) && destinationEnd > cut - shift) {
            difference = "the destination ends at " + destinationEnd + ", beyond " + (cut - shift);
        } else if (!request.path("isGrowing").asBoolean(false) && destinationHighWatermark > destinationEnd) {
            difference = "the destination has an open transaction: last stable offset " + destinationEnd
                + ", high watermark " + destinationHighWatermark;
        }
        Tally tally = new Tally(from, request.path("isCompacted").asBoolean(false) ? new Superseded() : null);
        if (difference == null) {
            Log.Cursor left = source.read(partition, from, cut);
            Log.Cursor right = destination.read(partition, from - shift, cut - shift);
            difference = compareRecords(left, right, shift, tally);
        }
        tally.end(cut);
        row.put("from", from).put("records", tally.records).put("bytes", tally.bytes);
        row.put("holes", tally.holes).put("holeOffsets", tally.holeOffsets);
        if (tally.superseded != null) row.put("oneSided", tally.superseded.count());
        if (difference != null) row.put("difference", difference);
    }

    /** Both in lock step; what only one side has is a difference, except where the cleaner may have removed it. */
    private static String compareRecords(Log.Cursor left, Log.Cursor right, long shift, Tally tally) {
        ConsumerRecord<byte[], byte[]> expected = left.next();
        ConsumerRecord<byte[], byte[]> seen = right.next();
        while (expected != null || seen != null) {
            long order = expected == null ? 1 : seen == null ? -1 : Long.compare(expected.offset() - shift, seen.offset());
            if (order == 0 || tally.superseded == null) {
                String difference = difference(expected, seen, shift);
                if (difference != null) return difference;
                tally.count(expected);
            }
            if (tally.superseded != null) {
                if (order <= 0) tally.superseded.saw(expected, expected.offset() - shift, order != 0);
                else tally.superseded.saw(seen, seen.offset(), true);
            }
            if (order <= 0) expected = left.next();
            if (order >= 0) seen = right.next();
        }
        return tally.superseded == null ? null : tally.superseded.difference();
    }

    /** What was compared. A hole is a run of offsets without a record for this consumer. */
    private static final class Tally {
        final Superseded superseded;
        long records;
        long bytes;
        long holes;
        long holeOffsets;
        private long next;

        Tally(long from, Superseded superseded) {
            next = from;
            this.superseded = superseded;
        }

        void count(ConsumerRecord<byte[], byte[]> record) {
            end(record.offset());
            next = record.offset() + 1;
            records++;
            bytes += Math.max(0, record.serializedKeySize()) + Math.max(0, record.serializedValueSize());
        }

        void end(long offset) {
            if (offset <= next) return;
            holes++;
            holeOffsets += offset - next;
        }
    }

    /**
     * Which records a log cleaner may have removed from one side only: those with a newer record of the same key
     * (on whichever side), and tombstones. Holds one entry for each key, so it is for topics with few of them.
     */
    private static final class Superseded {
        private record Last(long offset, boolean isOneSided, boolean isTombstone, String shown) {}

        private final Map<ByteBuffer, Last> lastOfKey = new HashMap<>();
        private long oneSided;

        void saw(ConsumerRecord<byte[], byte[]> record, long offset, boolean isOneSided) {
            if (isOneSided) oneSided++;
            ByteBuffer key = record.key() == null ? null : ByteBuffer.wrap(record.key());
            lastOfKey.put(key, new Last(offset, isOneSided, record.value() == null, show(record)));
        }

        long count() {
            return oneSided;
        }

        String difference() {
            for (Last last : lastOfKey.values()) {
                if (last.isOneSided() && !last.isTombstone()) return "the newest record of its key is on one side only, at offset " + last.offset() + ": " + last.shown();
            }
            return null;
        }
    }

    private static String difference(ConsumerRecord<byte[], byte[]> expected, ConsumerRecord<byte[], byte[]> seen, long shift) {
        if (seen == null || expected != null && seen.offset() > expected.offset() - shift) {
            return "missing at offset " + (expected.offset() - shift) + ": " + show(expected);
        }
        if (expected == null || seen.offset() < expected.offset() - shift) {
            return "extra at offset " + seen.offset() + ": " + show(seen);
        }
        String field =
            expected.timestamp() != seen.timestamp() ? "timestamp"
            : !Arrays.equals(expected.key(), seen.key()) ? "key"
            : !Arrays.equals(expected.value(), seen.value()) ? "value"
            : !sameHeaders(expected.headers().toArray(), seen.headers().toArray()) ? "headers"
            : null;
        return field == null ? null : "another " + field + " at offset " + seen.offset() + ": " + show(expected) + " is now " + show(seen);
    }

    private static boolean sameHeaders(Header[] one, Header[] other) {
        if (one.length != other.length) return false;
        for (int index = 0; index < one.length; index++) {
            if (!Objects.equals(one[index].key(), other[index].key())) return false;
            if (!Arrays.equals(one[index].value(), other[index].value())) return false;
        }
        return true;
    }

    private static String show(ConsumerRecord<byte[], byte[]> record) {
        StringBuilder text = new StringBuilder("{timestamp " + record.timestamp() + ", key " + show(record.key()) + ", value " + show(record.value()));
        for (Header header : record.headers()) text.append(", header ").append(header.key()).append('=').append(show(header.value()));
        return text.append('}').toString();
    }

    private static String show(byte[] bytes) {
        if (bytes == null) return "null";
        String text = new String(bytes, 0, Math.min(bytes.length, shownBytesMax), StandardCharsets.UTF_8);
        return bytes.length <= shownBytesMax ? '"' + text + '"' : '"' + text + "...\" (" + bytes.length + " bytes)";
    }
}
