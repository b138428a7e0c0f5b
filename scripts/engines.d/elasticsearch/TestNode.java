import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import org.elasticsearch.common.settings.Settings;
import org.elasticsearch.env.Environment;
import org.elasticsearch.node.InternalSettingsPreparer;
import org.elasticsearch.node.Node;
import org.elasticsearch.reindex.ReindexPlugin;
import org.elasticsearch.transport.Netty4Plugin;

/**
 * Runs one Elasticsearch node until the process is told to end. The jars have no launcher of their own.
 *
 * Takes the node's folder, which has config/elasticsearch.yml in it.
 */
public final class TestNode extends Node {
    private TestNode(Environment environment) {
        super(environment, List.of(Netty4Plugin.class, ReindexPlugin.class), false);
    }

    public static void main(String[] arguments) throws Exception {
        Path home = Path.of(arguments[0]);
        Settings settings = Settings.builder().put("path.home", home.toString()).build();
        Environment environment = InternalSettingsPreparer.prepareEnvironment(
            settings, Map.of(), home.resolve("config"), () -> "test-node");
        TestNode node = new TestNode(environment);
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            try {
                node.close();
            } catch (Exception error) {
                error.printStackTrace();
            }
        }));
        node.start();
        // The node's threads do the work; the process ends by a signal.
        new CountDownLatch(1).await();
    }
}
