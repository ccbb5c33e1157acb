// Which names connect-mirror's own DefaultTopicFilter takes: for each line `topics TAB topics.exclude TAB names, parted by
// blanks` on stdin one line of 0 and 1, or `!` where Java refuses an expression.
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.util.Map;
import org.apache.kafka.connect.mirror.DefaultTopicFilter;

public final class Filters {
    public static void main(String[] args) throws Exception {
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in));
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            String[] parts = line.split("\t", -1);
            System.out.println("> " + taken(parts[0], parts[1], parts[2].split(" ")));
        }
    }

    private static String taken(String topics, String excluded, String[] names) {
        try (DefaultTopicFilter filter = new DefaultTopicFilter()) {
            filter.configure(Map.of("topics", topics, "topics.exclude", excluded));
            StringBuilder bits = new StringBuilder();
            for (String name : names) bits.append(filter.shouldReplicateTopic(name) ? '1' : '0');
            return bits.toString();
        } catch (RuntimeException refused) {
            return "!";
        }
    }
}
