// Prints what the jars know: one line per property, `<where> TAB <name>`. Private definitions are read by reflection.
import java.lang.reflect.Field;
import java.lang.reflect.Method;
import java.util.Set;
import java.util.TreeSet;
import org.apache.kafka.common.config.ConfigDef;

public final class ConfigNames {
    public static void main(String[] args) throws Exception {
        String mirror = "org.apache.kafka.connect.mirror.";
        print("maker", call(mirror + "MirrorMakerConfig", "config"));
        print("connector", field(mirror + "MirrorSourceConfig", "CONNECTOR_CONFIG_DEF"));
        print("connector", field(mirror + "MirrorCheckpointConfig", "CONNECTOR_CONFIG_DEF"));
        print("connector", field(mirror + "MirrorHeartbeatConfig", "CONNECTOR_CONFIG_DEF"));
        print("connector", field(mirror + "DefaultTopicFilter$TopicFilterConfig", "DEF"));
        print("connector", field(mirror + "DefaultGroupFilter$GroupFilterConfig", "DEF"));
        print("connector", field(mirror + "DefaultConfigPropertyFilter$ConfigPropertyFilterConfig", "DEF"));
        print("connector", call("org.apache.kafka.connect.runtime.SourceConnectorConfig", "configDef"));
        print("cluster", field(mirror + "MirrorClientConfig", "CONFIG_DEF"));
        print("cluster", field(mirror + "MirrorClientConfig", "CLIENT_CONFIG_DEF"));
        print("worker", workerConfig());
        print("admin", call("org.apache.kafka.clients.admin.AdminClientConfig", "configDef"));
        print("consumer", call("org.apache.kafka.clients.consumer.ConsumerConfig", "configDef"));
        print("producer", call("org.apache.kafka.clients.producer.ProducerConfig", "configDef"));
    }

    private static void print(String where, ConfigDef definition) {
        Set<String> names = new TreeSet<>(definition.names());
        for (String name : names) System.out.println(where + "\t" + name);
    }

    private static ConfigDef field(String type, String name) throws Exception {
        Field field = Class.forName(type).getDeclaredField(name);
        field.setAccessible(true);
        return (ConfigDef) field.get(null);
    }

    private static ConfigDef workerConfig() throws Exception {
        String distributed = "org.apache.kafka.connect.runtime.distributed.";
        Class<?> crypto = Class.forName(distributed + "Crypto");
        Field system = crypto.getDeclaredField("SYSTEM");
        system.setAccessible(true);
        Method method = Class.forName(distributed + "DistributedConfig").getDeclaredMethod("config", crypto);
        method.setAccessible(true);
        return (ConfigDef) method.invoke(null, system.get(null));
    }

    private static ConfigDef call(String type, String name) throws Exception {
        Method method = Class.forName(type).getDeclaredMethod(name);
        method.setAccessible(true);
        return (ConfigDef) method.invoke(null);
    }
}
