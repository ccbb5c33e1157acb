// Kafka's own generated messages as the judge of our codec. One tab-separated question a line on stdin, one answer
// a line on stdout, in order:
//
//   errors                          all rows of Errors: code,name,retriable,invalidMetadata joined by spaces
//   headers                         all APIs: key:version:requestHeaderVersion:responseHeaderVersion, likewise
//   encode  CLASS  VERSION  JSON    the bytes of the message that the JSON describes, in base64; or
//                                   `UnsupportedVersion TEXT` when a field's value is impossible in the version
//
// After writing, the message is read back from its bytes and written again: Kafka must agree with itself.

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Base64;
import java.util.HashMap;
import java.util.Map;
import java.util.StringJoiner;
import org.apache.kafka.common.errors.InvalidMetadataException;
import org.apache.kafka.common.errors.RetriableException;
import org.apache.kafka.common.errors.UnsupportedVersionException;
import org.apache.kafka.common.message.ApiMessageType;
import org.apache.kafka.common.protocol.ByteBufferAccessor;
import org.apache.kafka.common.protocol.Errors;
import org.apache.kafka.common.protocol.Message;
import org.apache.kafka.common.protocol.MessageUtil;

public class Oracle {
    static final String MESSAGES = "org.apache.kafka.common.message.";
    static final ObjectMapper MAPPER = new ObjectMapper();
    static final Map<String, Method> READERS = new HashMap<>();

    public static void main(String[] args) throws Exception {
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        PrintStream out = new PrintStream(System.out, false, StandardCharsets.UTF_8);
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            String[] words = line.split("\t", 4);
            switch (words[0]) {
                case "errors" -> out.println(errors());
                case "headers" -> out.println(headers());
                case "encode" -> out.println(encode(words[1], Short.parseShort(words[2]), words[3]));
                default -> throw new IllegalArgumentException(line);
            }
        }
        out.flush();
    }

    static String errors() {
        StringJoiner rows = new StringJoiner(" ");
        for (Errors error : Errors.values()) {
            boolean retriable = error.exception() instanceof RetriableException;
            boolean invalidMetadata = error.exception() instanceof InvalidMetadataException;
            rows.add(error.code() + "," + error.name() + "," + retriable + "," + invalidMetadata);
        }
        return rows.toString();
    }

    static String headers() {
        StringJoiner rows = new StringJoiner(" ");
        for (ApiMessageType api : ApiMessageType.values()) {
            for (short v = api.lowestSupportedVersion(); v <= api.highestSupportedVersion(true); v++) {
                rows.add(api.apiKey() + ":" + v + ":" + api.requestHeaderVersion(v) + ":" + api.responseHeaderVersion(v));
            }
        }
        return rows.toString();
    }

    static String encode(String name, short version, String json) throws Exception {
        Message message;
        try {
            message = (Message) reader(name).invoke(null, MAPPER.readTree(json), version);
        } catch (InvocationTargetException e) {
            throw new IllegalStateException(name + " v" + version + " from " + json, e.getCause());
        }
        byte[] bytes;
        try {
            bytes = bytesOf(message, version);
        } catch (UnsupportedVersionException e) {
            return "UnsupportedVersion " + e.getMessage();
        }
        Message again = message.getClass().getDeclaredConstructor().newInstance();
        again.read(new ByteBufferAccessor(ByteBuffer.wrap(bytes)), version);
        if (!Arrays.equals(bytes, bytesOf(again, version))) {
            throw new IllegalStateException("Kafka disagrees with itself on " + name + " v" + version + ": " + json);
        }
        return Base64.getEncoder().encodeToString(bytes);
    }

    static byte[] bytesOf(Message message, short version) {
        ByteBuffer buffer = MessageUtil.toByteBufferAccessor(message, version).buffer();
        byte[] bytes = new byte[buffer.remaining()];
        buffer.get(bytes);
        return bytes;
    }

    /** The static method `read` of the message's JsonConverter. */
    static Method reader(String name) throws Exception {
        Method known = READERS.get(name);
        if (known == null) {
            Class<?> converter = Class.forName(MESSAGES + name + "JsonConverter");
            known = converter.getMethod("read", JsonNode.class, short.class);
            READERS.put(name, known);
        }
        return known;
    }
}
