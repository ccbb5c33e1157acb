// Kafka's admin client for what tests do to a cluster: topics, and records deleted from a log's start.
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.common.TopicPartition;

final class Admins {
    /** topics: name, partitions, replicationFactor, configs. */
    static JsonNode createTopics(JsonNode request) throws Exception {
        try (Admin admin = Admin.create(Log.clientProperties(request))) {
            List<NewTopic> topics = new java.util.ArrayList<>();
            for (JsonNode wanted : request.get("topics")) {
                Map<String, String> configs = new HashMap<>();
                wanted.path("configs").fields().forEachRemaining(entry -> configs.put(entry.getKey(), entry.getValue().asText()));
                topics.add(new NewTopic(wanted.get("name").asText(), wanted.path("partitions").asInt(1),
                    (short) wanted.path("replicationFactor").asInt(1)).configs(configs));
            }
            admin.createTopics(topics).all().get();
            return Main.json.createObjectNode();
        }
    }

    /** before: partition -> offset, which becomes the log's start; -1 is the high watermark. */
    static JsonNode deleteRecords(JsonNode request) throws Exception {
        try (Admin admin = Admin.create(Log.clientProperties(request))) {
            Map<TopicPartition, RecordsToDelete> before = new HashMap<>();
            request.get("before").fields().forEachRemaining(entry -> before.put(
                new TopicPartition(request.get("topic").asText(), Integer.parseInt(entry.getKey())),
                RecordsToDelete.beforeOffset(entry.getValue().asLong())));
            ObjectNode starts = Main.json.createObjectNode();
            for (var deleted : admin.deleteRecords(before).lowWatermarks().entrySet()) {
                starts.put(String.valueOf(deleted.getKey().partition()), deleted.getValue().get().lowWatermark());
            }
            return starts;
        }
    }
}
