// What clients learn from MirrorMaker 2's topics: Kafka's own MirrorClient and RemoteClusterUtils, asked together.
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.time.Duration;
import java.util.Collection;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.connect.mirror.Checkpoint;
import org.apache.kafka.connect.mirror.CheckpointStore;
import org.apache.kafka.connect.mirror.MirrorClient;
import org.apache.kafka.connect.mirror.RemoteClusterUtils;

final class Mirrors {
    private static final Duration TIMEOUT = Duration.ofSeconds(20);

    /** properties: also those of the replication policy; aliases: whose hops and topics; groups: whose offsets, by alias. */
    static JsonNode look(JsonNode request) throws Exception {
        Map<String, Object> properties = new HashMap<>();
        Log.clientProperties(request).forEach((name, value) -> properties.put((String) name, value));
        ObjectNode answer = Main.json.createObjectNode();
        names(answer, "upstreamClusters", RemoteClusterUtils.upstreamClusters(properties));
        names(answer, "heartbeatTopics", RemoteClusterUtils.heartbeatTopics(properties));
        names(answer, "checkpointTopics", RemoteClusterUtils.checkpointTopics(properties));
        ObjectNode hops = answer.putObject("hops");
        ObjectNode remote = answer.putObject("remoteTopics");
        for (JsonNode alias : request.get("aliases"))
            hops.put(alias.asText(), RemoteClusterUtils.replicationHops(properties, alias.asText()));
        try (MirrorClient client = new MirrorClient(properties)) {
            names(answer, "allRemoteTopics", client.remoteTopics());
            for (JsonNode alias : request.get("aliases")) names(remote, alias.asText(), client.remoteTopics(alias.asText()));
            ObjectNode offsets = answer.putObject("offsets");
            for (Map.Entry<String, JsonNode> asked : request.get("groups").properties()) {
                String alias = asked.getKey();
                String group = asked.getValue().asText();
                Map<TopicPartition, OffsetAndMetadata> translated = RemoteClusterUtils.translateOffsets(properties, alias, group, TIMEOUT);
                // The two ways to ask must agree.
                Map<TopicPartition, OffsetAndMetadata> same = client.remoteConsumerOffsets(Pattern.compile(Pattern.quote(group)), alias, TIMEOUT)
                    .getOrDefault(group, Map.of());
                if (!translated.equals(same)) throw new IllegalStateException(translated + " is not " + same);
                ObjectNode of = offsets.putObject(alias);
                translated.forEach((place, offset) -> of.putArray(place.toString()).add(offset.offset()).add(offset.metadata()));
            }
        }
        return answer;
    }

    /** What MirrorMaker 2 begins from: its own reader of the checkpoints topic, as MirrorCheckpointTask starts it. */
    static JsonNode checkpointStore(JsonNode request) throws Exception {
        String group = request.get("group").asText();
        String bootstrap = request.get("bootstrap").asText();
        Map<String, String> properties = new HashMap<>(Map.of("name", "checkpoints",
            "connector.class", "org.apache.kafka.connect.mirror.MirrorCheckpointConnector", "task.assigned.groups", group, "task.index", "0",
            "source.cluster.alias", request.get("sourceAlias").asText(), "target.cluster.alias", request.get("destinationAlias").asText(),
            "source.cluster.bootstrap.servers", bootstrap, "target.cluster.bootstrap.servers", bootstrap));
        // The configuration's class is not public.
        var config = Class.forName("org.apache.kafka.connect.mirror.MirrorCheckpointTaskConfig").getConstructor(Map.class);
        config.setAccessible(true);
        var constructor = CheckpointStore.class.getConstructors()[0];
        try (CheckpointStore store = (CheckpointStore) constructor.newInstance(config.newInstance(properties), Set.of(group))) {
            ObjectNode answer = Main.json.createObjectNode().put("isLoaded", store.start());
            ObjectNode checkpoints = answer.putObject("checkpoints");
            Map<TopicPartition, Checkpoint> read = store.get(group);
            if (read != null) read.forEach((place, checkpoint) -> checkpoints.putArray(place.toString())
                .add(checkpoint.upstreamOffset()).add(checkpoint.downstreamOffset()).add(checkpoint.metadata()));
            return answer;
        }
    }

    private static void names(ObjectNode answer, String field, Collection<String> values) {
        var array = answer.putArray(field);
        new TreeSet<>(values).forEach(array::add);
    }
}
