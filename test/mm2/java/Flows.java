// What connect-mirror itself makes of files of properties: for each path on stdin one line, for each pair of clusters with a
// connector `source>target:name=value,...`, parted by blanks; `!` and the exception where it refuses the file.
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.lang.reflect.Method;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import org.apache.kafka.common.utils.Utils;
import org.apache.kafka.connect.mirror.MirrorCheckpointConfig;
import org.apache.kafka.connect.mirror.MirrorCheckpointConnector;
import org.apache.kafka.connect.mirror.MirrorHeartbeatConfig;
import org.apache.kafka.connect.mirror.MirrorHeartbeatConnector;
import org.apache.kafka.connect.mirror.MirrorMakerConfig;
import org.apache.kafka.connect.mirror.MirrorSourceConfig;
import org.apache.kafka.connect.mirror.MirrorSourceConnector;
import org.apache.kafka.connect.mirror.ReplicationPolicy;
import org.apache.kafka.connect.mirror.SourceAndTarget;

public final class Flows {
    public static void main(String[] args) throws Exception {
        BufferedReader paths = new BufferedReader(new InputStreamReader(System.in));
        for (String path = paths.readLine(); path != null; path = paths.readLine()) {
            String line;
            try {
                Map<String, String> properties = new HashMap<>(Utils.propsToStringMap(Utils.loadProps(path)));
                // Else every file has the whole class path searched.
                properties.put("plugin.discovery", "service_load");
                line = flows(properties);
            } catch (Exception refused) {
                line = "!" + String.valueOf(refused.getMessage()).replaceAll("\\s+", "_");
            }
            System.out.println("> " + line);
        }
    }

    private static String flows(Map<String, String> properties) throws Exception {
        MirrorMakerConfig maker = new MirrorMakerConfig(properties);
        TreeSet<String> lines = new TreeSet<>();
        for (SourceAndTarget pair : maker.clusterPairs()) {
            Map<String, Object> told = new TreeMap<>();
            heartbeats(new MirrorHeartbeatConfig(maker.connectorBaseConfig(pair, MirrorHeartbeatConnector.class)), told);
            MirrorSourceConfig source = new MirrorSourceConfig(maker.connectorBaseConfig(pair, MirrorSourceConnector.class));
            if ((Boolean) call(source, "enabled")) {
                source(source, told);
                checkpoints(new MirrorCheckpointConfig(maker.connectorBaseConfig(pair, MirrorCheckpointConnector.class)), told);
            }
            if (!told.isEmpty()) lines.add(pair.source() + ">" + pair.target() + told.toString().replace(" ", ""));
        }
        return String.join(" ", lines);
    }

    private static void heartbeats(MirrorHeartbeatConfig config, Map<String, Object> told) throws Exception {
        java.time.Duration every = (java.time.Duration) call(config, "emitHeartbeatsInterval");
        if (!every.isNegative()) told.put("beat", every.toMillis());
    }

    private static void source(MirrorSourceConfig config, Map<String, Object> told) throws Exception {
        told.put("topics", config.getList("topics"));
        told.put("excludeTopics", config.getList("topics.exclude"));
        ReplicationPolicy policy = (ReplicationPolicy) call(config, "replicationPolicy");
        told.put("name", policy.formatRemoteTopic((String) call(config, "sourceClusterAlias"), "t"));
        told.put("heartbeats", call(config, "heartbeatsReplicationEnabled"));
        told.put("start", client(config, "sourceConsumerConfig").get("auto.offset.reset"));
        told.put("from", client(config, "sourceAdminConfig").get("bootstrap.servers"));
        told.put("to", client(config, "targetAdminConfig").get("bootstrap.servers"));
        java.time.Duration acls = (java.time.Duration) call(config, "syncTopicAclsInterval");
        told.put("acls", !acls.isNegative());
    }

    private static void checkpoints(MirrorCheckpointConfig config, Map<String, Object> told) throws Exception {
        java.time.Duration every = (java.time.Duration) call(config, "emitCheckpointsInterval");
        if (every.isNegative()) return;
        told.put("checkpoints", every.toMillis());
        told.put("groups", config.getList("groups"));
        told.put("excludeGroups", config.getList("groups.exclude"));
        java.time.Duration sync = (java.time.Duration) call(config, "syncGroupOffsetsInterval");
        told.put("commits", !sync.isNegative());
    }

    private static Map<?, ?> client(Object config, String name) throws Exception {
        Method method = method(config, name, String.class);
        return (Map<?, ?>) method.invoke(config, "test");
    }

    private static Object call(Object config, String name) throws Exception {
        return method(config, name).invoke(config);
    }

    private static Method method(Object config, String name, Class<?>... types) throws Exception {
        for (Class<?> type = config.getClass(); ; type = type.getSuperclass()) {
            try {
                Method method = type.getDeclaredMethod(name, types);
                method.setAccessible(true);
                return method;
            } catch (NoSuchMethodException elsewhere) {
                if (type.getSuperclass() == null) throw elsewhere;
            }
        }
    }
}
