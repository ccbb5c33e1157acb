// Reads files of properties as connect-mirror does and prints, for each path on stdin, one line: `!message` where Java
// refuses it, else its keys and values as hexadecimal UTF-16, sorted by key.
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Properties;

public final class LoadProperties {
    public static void main(String[] args) throws Exception {
        BufferedReader paths = new BufferedReader(new InputStreamReader(System.in));
        for (String path = paths.readLine(); path != null; path = paths.readLine()) System.out.println(load(path));
    }

    private static String load(String path) throws Exception {
        Properties properties = new Properties();
        try (var stream = Files.newInputStream(Path.of(path))) {
            properties.load(stream);
        } catch (IllegalArgumentException refused) {
            return "!" + refused.getMessage();
        }
        List<String> entries = new ArrayList<>();
        for (String key : properties.stringPropertyNames()) entries.add(hex(key) + "=" + hex(properties.getProperty(key)));
        Collections.sort(entries);
        return String.join(";", entries);
    }

    private static String hex(String text) {
        StringBuilder digits = new StringBuilder();
        for (char character : text.toCharArray()) digits.append(String.format("%04x", (int) character));
        return digits.toString();
    }
}
