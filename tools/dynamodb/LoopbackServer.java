import com.almworks.sqlite4java.SQLiteConnection;
import com.amazonaws.services.dynamodbv2.local.main.ServerRunner;
import com.amazonaws.services.dynamodbv2.local.server.DynamoDBProxyServer;
import java.io.File;
import java.util.Arrays;
import org.eclipse.jetty.server.Connector;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;

/**
 * DynamoDB Local on the loopback interface alone. Its own command line has no option for the address and listens on all of
 * them, which on a laptop in a café offers the data to everyone there. Arguments are ServerRunner's; `-dbPath` is asked for
 * `-sharedDb`, whose file is known by name.
 */
public final class LoopbackServer {
  public static void main(String[] arguments) throws Exception {
    keepDataInWriteAheadLog(arguments);
    DynamoDBProxyServer dynamodb = ServerRunner.createServerFromCommandLineArgs(arguments);
    var field = DynamoDBProxyServer.class.getDeclaredField("server");
    field.setAccessible(true);
    for (Connector connector : ((Server) field.get(dynamodb)).getConnectors()) {
      ((ServerConnector) connector).setHost("127.0.0.1");
    }
    dynamodb.start();
    dynamodb.join();
  }

  /**
   * All of its tables are in one SQLite file, written by one thread: a transaction that writes to a rollback journal takes it
   * some 10 ms, and a shop that sells more than ten carts a second is left waiting for its store. A log is written once, in
   * sequence, and is as durable. SQLite remembers the choice in the file.
   */
  private static void keepDataInWriteAheadLog(String[] arguments) throws Exception {
    int path = Arrays.asList(arguments).indexOf("-dbPath");
    if (path < 0) {
      return;
    }
    SQLiteConnection data = new SQLiteConnection(new File(arguments[path + 1], "shared-local-instance.db"));
    data.open();
    data.exec("PRAGMA page_size = 4096");
    data.exec("PRAGMA journal_mode = WAL");
    data.dispose();
  }
}
