// Kafka's own Java clients on the end of a pipe: the second opinion of our tests, which shares no code with
// Lockstep. test/support/read-committed-oracle.ts starts it once per test file and speaks to it in lines of JSON:
//
//   in:   {"id": 7, "command": "compare", ...}
//   out:  {"id": 7, "answer": {...}}   or   {"id": 7, "error": "..."}
//
// Commands run side by side (a comparison doesn't hold up a producer); answers come as they are ready.
// It ends when its standard input ends.
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

public final class Main {
    static final ObjectMapper json = new ObjectMapper();

    public static void main(String[] args) throws Exception {
        PrintStream out = System.out;
        System.setOut(System.err); // whatever a library prints must not look like an answer
        Writers writers = new Writers();
        ExecutorService workers = Executors.newCachedThreadPool();
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            JsonNode request = json.readTree(line);
            workers.execute(() -> {
                ObjectNode reply = json.createObjectNode().put("id", request.get("id").asInt());
                try {
                    reply.set("answer", run(writers, request));
                } catch (Throwable thrown) {
                    boolean isWrapped = thrown instanceof ExecutionException || thrown instanceof ReflectiveOperationException;
                    Throwable failure = isWrapped && thrown.getCause() != null ? thrown.getCause() : thrown;
                    reply.put("error", failure.getClass().getSimpleName() + ": " + failure.getMessage());
                    if (System.getenv("LOCKSTEP_ORACLE_TRACE") != null) failure.printStackTrace();
                }
                String text = reply.toString();
                synchronized (out) {
                    out.println(text);
                    out.flush();
                }
            });
        }
        System.exit(0);
    }

    private static JsonNode run(Writers writers, JsonNode request) throws Exception {
        String command = request.get("command").asText();
        return switch (command) {
            case "compare" -> Compare.run(request);
            case "read" -> Read.run(request);
            case "producer" -> writers.open(request);
            case "produce" -> writers.produce(request);
            case "transaction" -> writers.transaction(request);
            case "readProcessWrite" -> writers.readProcessWrite(request);
            case "close" -> writers.close(request);
            case "createTopics" -> Admins.createTopics(request);
            case "ends" -> Admins.ends(request);
            case "deleteRecords" -> Admins.deleteRecords(request);
            case "mirrors" -> Mirrors.look(request);
            case "checkpointStore" -> Mirrors.checkpointStore(request);
            default -> throw new IllegalArgumentException("no command " + command);
        };
    }
}
