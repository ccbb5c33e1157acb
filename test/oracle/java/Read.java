// The records of one partition as a consumer of either isolation level sees them: for tests that show what a
// read_uncommitted consumer gets to see.
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Header;
import java.util.List;

final class Read {
    /** side: see Log. partition, isolation, recordsMax; from: the log's start by default. */
    static JsonNode run(JsonNode request) {
        int partition = request.path("partition").asInt(0);
        try (Log log = new Log(request.get("side"), request.get("isolation").asText())) {
            long start = log.start(partition);
            long end = log.ends(List.of(partition)).get(new TopicPartition(log.topic, partition));
            ObjectNode answer = Main.json.createObjectNode().put("start", start).put("end", end);
            ArrayNode records = answer.putArray("records");
            long from = request.path("from").asLong(start);
            int recordsMax = request.path("recordsMax").asInt(10_000);
            Log.Cursor cursor = log.read(partition, from, end);
            while (records.size() < recordsMax) {
                ConsumerRecord<byte[], byte[]> record = cursor.next();
                if (record == null) break;
                add(records.addObject(), record);
            }
            return answer;
        }
    }

    private static void add(ObjectNode row, ConsumerRecord<byte[], byte[]> record) {
        row.put("offset", record.offset()).put("timestamp", record.timestamp());
        row.put("timestampType", record.timestampType().name);
        row.put("key", record.key()).put("value", record.value()); // base64
        ArrayNode headers = row.putArray("headers");
        for (Header header : record.headers()) headers.addArray().add(header.key()).add(header.value());
    }
}
