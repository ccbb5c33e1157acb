// Kafka's own record classes at our service: `write` makes batches and says what they hold, `read` says what the
// batches on stdin (one base64 line each) hold. Needs kafka-clients with lz4, snappy, zstd and slf4j-api on the
// class path. Output is one JSON object a line; bytes are hex (above 200 bytes their
// SHA-256), longs are strings.
//
//   java -cp 'LIBS/*' test/records/Golden.java write > test/records/golden.jsonl

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.common.record.internal.CompressionType;
import org.apache.kafka.common.record.internal.ControlRecordType;
import org.apache.kafka.common.record.internal.EndTransactionMarker;
import org.apache.kafka.common.record.internal.MemoryRecords;
import org.apache.kafka.common.record.internal.MemoryRecordsBuilder;
import org.apache.kafka.common.record.internal.MutableRecordBatch;
import org.apache.kafka.common.record.internal.Record;
import org.apache.kafka.common.record.internal.RecordBatch;
import org.apache.kafka.common.record.internal.SimpleRecord;
import org.apache.kafka.common.utils.BufferSupplier;

public class Golden {
    static final Header[] NO_HEADERS = new Header[0];

    public static void main(String[] args) throws Exception {
        if (args[0].equals("write")) write();
        else read();
    }

    static void write() {
        for (CompressionType type : CompressionType.values()) {
            emit(type.name + " with nulls, empty bytes, headers and timestamps out of order", plain(type));
            emit(type.name + " with records that repeat and records that do not, over several blocks", large(type));
        }
        emit("transactional, with sequence just before its wrap", MemoryRecords.withTransactionalRecords(
            7000000000L, Compression.NONE, 4242L, (short) 3, Integer.MAX_VALUE, 9, simple(1000), simple(1001)));
        emit("idempotent with a chosen producer id", MemoryRecords.withIdempotentRecords(
            12L, Compression.NONE, (1L << 62) + 77, (short) 1, 500, 4, simple(5)));
        emit("commit marker", MemoryRecords.withEndTransactionMarker(
            99L, 1700000000123L, 5, 4242L, (short) 3, new EndTransactionMarker(ControlRecordType.COMMIT, 6)));
        emit("abort marker", MemoryRecords.withEndTransactionMarker(
            100L, 1700000000124L, 5, 4242L, (short) 3, new EndTransactionMarker(ControlRecordType.ABORT, 6)));
        emit("LogAppendTime, uncompressed", appendTime(CompressionType.NONE));
        emit("LogAppendTime, lz4", appendTime(CompressionType.LZ4));
        emit("compacted by Kafka's cleaner: gaps inside, in front and behind, with a delete horizon", compacted(false));
        emit("compacted to an empty batch", compacted(true));
        emit("timestamps at both ends of 64 bits", withTimestamps(0L, Long.MAX_VALUE, -1L, 1L << 50));
    }

    static MemoryRecords plain(CompressionType type) {
        MemoryRecordsBuilder builder = MemoryRecords.builder(ByteBuffer.allocate(4096), RecordBatch.CURRENT_MAGIC_VALUE,
            Compression.of(type).build(), TimestampType.CREATE_TIME, 5_000_000_000L, -1L, 17);
        builder.append(1700000000500L, utf8("key"), utf8("value"), NO_HEADERS);
        builder.append(1700000000400L, (ByteBuffer) null, null, NO_HEADERS);
        builder.append(1700000000600L, utf8(""), utf8(""), NO_HEADERS);
        builder.append(1700000000400L, null, utf8("only a value"), new Header[] {
            new RecordHeader("h", bytes("1")), new RecordHeader("h", bytes("2")), new RecordHeader("", null),
            new RecordHeader("naïve", new byte[0])});
        builder.append(0L, utf8("only a key"), null, NO_HEADERS);
        return builder.build();
    }

    static MemoryRecords large(CompressionType type) {
        Random random = new Random(42);
        byte[] noise = new byte[1500];
        random.nextBytes(noise);
        byte[] repeated = new byte[40000];
        for (int i = 0; i < repeated.length; i++) repeated[i] = (byte) (i % 61 == 0 ? i : i % 7);
        MemoryRecordsBuilder builder = MemoryRecords.builder(ByteBuffer.allocate(1 << 18),
            Compression.of(type).build(), TimestampType.CREATE_TIME, 1L);
        if (type != CompressionType.NONE) {
            builder.append(10L, repeated, repeated);
            builder.append(11L, noise, repeated);
        }
        builder.append(12L, noise, null);
        return builder.build();
    }

    static MemoryRecords appendTime(CompressionType type) {
        MemoryRecordsBuilder builder = MemoryRecords.builder(ByteBuffer.allocate(1024), RecordBatch.CURRENT_MAGIC_VALUE,
            Compression.of(type).build(), TimestampType.LOG_APPEND_TIME, 3L, 1800000000000L);
        builder.append(1700000000000L, bytes("a"), bytes("1"));
        builder.append(1700000009000L, bytes("b"), bytes("2"));
        return builder.build();
    }

    static MemoryRecords withTimestamps(long... timestamps) {
        MemoryRecordsBuilder builder = MemoryRecords.builder(ByteBuffer.allocate(1024), Compression.NONE,
            TimestampType.CREATE_TIME, 0L);
        for (long timestamp : timestamps) builder.append(timestamp, bytes("k"), bytes("v"));
        return builder.build();
    }

    /** Through MemoryRecords.filterTo, which the log cleaner uses. Keeps offsets 21, 22 and 25 of 20 to 27. */
    static MemoryRecords compacted(boolean keepNone) {
        SimpleRecord[] records = new SimpleRecord[8];
        for (int i = 0; i < 8; i++) records[i] = new SimpleRecord(1000 + i, bytes("k" + i), i == 5 ? null : bytes("v" + i));
        MemoryRecords all = MemoryRecords.withIdempotentRecords(
            20L, Compression.gzip().build(), 31L, (short) 0, 8, 2, records);
        ByteBuffer out = ByteBuffer.allocate(4096);
        List<Integer> kept = Arrays.asList(21, 22, 25);
        all.filterTo(new MemoryRecords.RecordFilter(5_000_000L, 86_400_000L) {
            @Override
            protected BatchRetentionResult checkBatchRetention(RecordBatch batch) {
                return new BatchRetentionResult(BatchRetention.RETAIN_EMPTY, false);
            }

            @Override
            protected boolean shouldRetainRecord(RecordBatch batch, Record record) {
                return !keepNone && kept.contains((int) record.offset());
            }
        }, out, BufferSupplier.NO_CACHING);
        out.flip();
        return MemoryRecords.readableRecords(out);
    }

    static SimpleRecord simple(long timestamp) {
        return new SimpleRecord(timestamp, bytes("k" + timestamp), bytes("v"));
    }

    static void read() throws Exception {
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            emit("read", MemoryRecords.readableRecords(ByteBuffer.wrap(Base64.getDecoder().decode(line))));
        }
    }

    static void emit(String name, MemoryRecords memoryRecords) {
        List<String> batches = new ArrayList<>();
        for (MutableRecordBatch batch : memoryRecords.batches()) {
            batch.ensureValid();
            batches.add(describe(batch));
        }
        ByteBuffer buffer = memoryRecords.buffer();
        byte[] all = new byte[buffer.remaining()];
        buffer.duplicate().get(all);
        System.out.println("{\"name\":\"" + name + "\",\"base64\":\"" + Base64.getEncoder().encodeToString(all)
            + "\",\"batches\":[" + String.join(",", batches) + "]}");
    }

    static String describe(MutableRecordBatch batch) {
        List<String> records = new ArrayList<>();
        for (Record record : batch) {
            record.ensureValid();
            List<String> headers = new ArrayList<>();
            for (Header header : record.headers()) {
                headers.add("{\"key\":\"" + HexFormat.of().formatHex(bytes(header.key())) + "\",\"value\":" + hex(header.value()) + "}");
            }
            records.add("{\"offset\":\"" + record.offset() + "\",\"timestamp\":\"" + record.timestamp() + "\",\"key\":"
                + hex(array(record.key())) + ",\"value\":" + hex(array(record.value())) + ",\"headers\":["
                + String.join(",", headers) + "]}");
        }
        return "{\"baseOffset\":\"" + batch.baseOffset() + "\",\"lastOffset\":\"" + batch.lastOffset()
            + "\",\"nextOffset\":\"" + batch.nextOffset()
            + "\",\"sizeBytes\":" + batch.sizeInBytes() + ",\"partitionLeaderEpoch\":" + batch.partitionLeaderEpoch()
            + ",\"magic\":" + batch.magic() + ",\"crc\":" + batch.checksum()
            + ",\"compression\":\"" + batch.compressionType().name + "\",\"isTransactional\":" + batch.isTransactional()
            + ",\"isControl\":" + batch.isControlBatch() + ",\"timestampType\":\"" + batch.timestampType().name
            + "\",\"hasDeleteHorizon\":" + batch.deleteHorizonMs().isPresent() + ",\"maxTimestamp\":\"" + batch.maxTimestamp()
            + "\",\"producerId\":\"" + batch.producerId() + "\",\"producerEpoch\":" + batch.producerEpoch()
            + ",\"baseSequence\":" + batch.baseSequence() + ",\"recordCount\":" + batch.countOrNull()
            + ",\"records\":[" + String.join(",", records) + "]}";
    }

    static byte[] array(ByteBuffer buffer) {
        if (buffer == null) return null;
        byte[] bytes = new byte[buffer.remaining()];
        buffer.duplicate().get(bytes);
        return bytes;
    }

    static String hex(byte[] bytes) {
        if (bytes == null) return "null";
        if (bytes.length <= 200) return "\"" + HexFormat.of().formatHex(bytes) + "\"";
        try {
            byte[] digest = java.security.MessageDigest.getInstance("SHA-256").digest(bytes);
            return "\"sha256:" + HexFormat.of().formatHex(digest) + "\"";
        } catch (java.security.NoSuchAlgorithmException e) {
            throw new AssertionError(e);
        }
    }

    static byte[] bytes(String text) {
        return text.getBytes(java.nio.charset.StandardCharsets.UTF_8);
    }

    static ByteBuffer utf8(String text) {
        return ByteBuffer.wrap(bytes(text));
    }
}
