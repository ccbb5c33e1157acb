// Kafka's admin client for what tests do to a cluster: topics, and records deleted from a log's start.
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.ListOffsetsOptions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.common.IsolationLevel;
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

    /** Where each partition starts and ends; an empty answer where the topic does not exist. */
    static JsonNode ends(JsonNode request) throws Exception {
        String topic = request.get("topic").asText();
        try (Admin admin = Admin.create(Log.clientProperties(request))) {
            ArrayNode answer = Main.json.createArrayNode();
            if (!admin.listTopics().names().get().contains(topic)) return answer;
            int count = admin.describeTopics(List.of(topic)).allTopicNames().get().get(topic).partitions().size();
            Map<TopicPartition, OffsetSpec> earliest = new HashMap<>();
            Map<TopicPartition, OffsetSpec> latest = new HashMap<>();
            for (int partition = 0; partition < count; partition++) {
                earliest.put(new TopicPartition(topic, partition), OffsetSpec.earliest());
                latest.put(new TopicPartition(topic, partition), OffsetSpec.latest());
            }
            var starts = admin.listOffsets(earliest).all();
            var stable = admin.listOffsets(latest, new ListOffsetsOptions(IsolationLevel.READ_COMMITTED)).all();
            var highWatermarks = admin.listOffsets(latest, new ListOffsetsOptions(IsolationLevel.READ_UNCOMMITTED)).all();
            for (int partition = 0; partition < count; partition++) {
                TopicPartition place = new TopicPartition(topic, partition);
                answer.addObject().put("partition", partition).put("start", starts.get().get(place).offset())
                    .put("lastStableOffset", stable.get().get(place).offset()).put("highWatermark", highWatermarks.get().get(place).offset());
            }
            return answer;
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
