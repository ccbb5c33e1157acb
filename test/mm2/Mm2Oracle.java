// MirrorMaker 2's own classes, asked in lines of tab-separated text; one line of answer each. Read by java-policies.ts.
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.lang.reflect.Constructor;
import java.lang.reflect.Method;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import org.apache.kafka.common.Configurable;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.connect.mirror.Checkpoint;
import org.apache.kafka.connect.mirror.ConfigPropertyFilter;
import org.apache.kafka.connect.mirror.DefaultReplicationPolicy;
import org.apache.kafka.connect.mirror.Heartbeat;
import org.apache.kafka.connect.mirror.IdentityReplicationPolicy;
import org.apache.kafka.connect.mirror.MirrorSourceConnector;
import org.apache.kafka.connect.mirror.ReplicationPolicy;
import org.apache.kafka.connect.mirror.SourceAndTarget;
import org.apache.kafka.connect.mirror.TopicFilter;

public final class Mm2Oracle {
    public static void main(String[] args) throws Exception {
        PrintStream out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
        System.setOut(System.err);
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            String[] words = line.split("\t", -1);
            out.println(switch (words[0]) {
                case "policy" -> policy(words);
                case "heartbeat" -> bytes(Heartbeat.class, new Heartbeat(words[1], words[2], Long.parseLong(words[3])));
                case "checkpoint" -> bytes(Checkpoint.class, new Checkpoint(words[1],
                    new TopicPartition(words[2], Integer.parseInt(words[3])), Long.parseLong(words[4]), Long.parseLong(words[5]), words[6]));
                default -> throw new IllegalArgumentException(line);
            });
        }
    }

    /** policy, class, separator, internal separator, source alias, destination alias, heartbeats, listed, topic */
    private static String policy(String[] words) throws Exception {
        ReplicationPolicy policy = words[1].equals("identity") ? new IdentityReplicationPolicy() : new DefaultReplicationPolicy();
        ((Configurable) policy).configure(Map.of("replication.policy.separator", words[2],
            "replication.policy.internal.topic.separator.enabled", words[3], "source.cluster.alias", words[4]));
        String topic = words[8];
        TopicFilter filter = name -> words[7].equals("true");
        ConfigPropertyFilter properties = name -> true;
        Constructor<MirrorSourceConnector> constructor = MirrorSourceConnector.class.getDeclaredConstructor(
            SourceAndTarget.class, ReplicationPolicy.class, TopicFilter.class, ConfigPropertyFilter.class, boolean.class);
        constructor.setAccessible(true);
        MirrorSourceConnector connector = constructor.newInstance(new SourceAndTarget(words[4], words[5]), policy, filter, properties,
            words[6].equals("true"));
        List<String> answer = new ArrayList<>();
        answer.add(policy.formatRemoteTopic(words[4], topic));
        answer.add(String.valueOf(policy.topicSource(topic)));
        answer.add(String.valueOf(policy.upstreamTopic(topic)));
        answer.add(policy.originalTopic(topic));
        answer.add(String.valueOf(policy.isHeartbeatsTopic(topic)));
        answer.add(String.valueOf(policy.isCheckpointsTopic(topic)));
        answer.add(String.valueOf(policy.isInternalTopic(topic)));
        answer.add(policy.checkpointsTopic(words[4]));
        answer.add(policy.offsetSyncsTopic(words[4]));
        answer.add(String.valueOf(call(connector, "isCycle", topic)));
        answer.add(String.valueOf(call(connector, "shouldReplicateTopic", topic)));
        return String.join("\t", answer);
    }

    private static Object call(MirrorSourceConnector connector, String name, String topic) throws Exception {
        Method method = MirrorSourceConnector.class.getDeclaredMethod(name, String.class);
        method.setAccessible(true);
        return method.invoke(connector, topic);
    }

    private static String bytes(Class<?> type, Object record) throws Exception {
        List<String> parts = new ArrayList<>();
        for (String name : List.of("recordKey", "recordValue")) {
            Method method = type.getDeclaredMethod(name);
            method.setAccessible(true);
            parts.add(Base64.getEncoder().encodeToString((byte[]) method.invoke(record)));
        }
        return String.join("\t", parts);
    }
}
