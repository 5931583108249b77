/// A Dapr runtime of its own for a test: placement, scheduler and one sidecar, with a state store and everything else
/// in memory, on free ports of the loopback interface. `DAPR_STORE` says which store:
///
/// | `DAPR_STORE` | the store | the folder of Dapr's programs |
/// |---|---|---|
/// | `dynamodb`, or unset | DynamoDB Local in the folder `DYNAMODB_LOCAL` | `DAPR_BIN` |
/// | `redis`, `postgresql` | as Debian installs them, behind a sidecar with Dapr's own components | `DAPR_STOCK_BIN` |
#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pwd.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace dapr::actors::http::testing {

/// A port that nobody listens on, another one each time: several are chosen before the first of them is taken. It lies
/// below those that the system gives to outgoing connections, one of which could take it meanwhile.
inline unsigned short free_port() {
  static unsigned short next = static_cast<unsigned short>(12'000 + ::getpid() % 18'000);
  for (;; ++next) {
    if (next >= 32'000) next = 12'000;
    const int descriptor = ::socket(AF_INET, SOCK_STREAM, 0);
    const int on = 1;
    ::setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);  // what has been closed is free
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(next);
    address.sin_addr.s_addr = htonl(INADDR_ANY);
    const bool is_free = ::bind(descriptor, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
    ::close(descriptor);
    if (is_free) return next++;
  }
}

/// Sends a request as it is; the answer up to where the peer closes or stops.
inline std::string tell(unsigned short port, const std::string& request) {
  const int descriptor = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  std::string answer;
  if (::connect(descriptor, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0) {
    const timeval limit{30, 0};
    ::setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    ::send(descriptor, request.data(), request.size(), MSG_NOSIGNAL);
    char bytes[65536];
    for (;;) {
      const auto got = ::recv(descriptor, bytes, sizeof bytes, 0);
      if (got <= 0) break;
      answer.append(bytes, static_cast<std::size_t>(got));
      const auto head = answer.find("\r\n\r\n");
      if (head == std::string::npos) continue;
      const auto length = answer.find("Content-Length: ");
      if (length == std::string::npos || length > head) {
        if (answer.find("204 No Content") < head) break;
        continue;
      }
      if (answer.size() >= head + 4 + std::stoul(answer.substr(length + 16))) break;
    }
  }
  ::close(descriptor);
  return answer;
}

/// A program that ends with its owner.
class Process {
 public:
  Process(std::vector<std::string> arguments, const std::filesystem::path& log) {
    std::vector<char*> raw;
    for (auto& argument : arguments) raw.push_back(argument.data());
    raw.push_back(nullptr);
    pid_ = ::fork();
    if (pid_ != 0) return;
    const int output = ::open(log.c_str(), O_CREAT | O_WRONLY | O_APPEND, 0644);
    ::dup2(output, STDOUT_FILENO);
    ::dup2(output, STDERR_FILENO);
    ::execv(raw[0], raw.data());
    ::_exit(127);
  }
  Process(const Process&) = delete;
  ~Process() {
    ::kill(pid_, SIGTERM);
    for (int i = 0; i < 500; ++i) {
      if (::waitpid(pid_, nullptr, WNOHANG) == pid_) return;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }

 private:
  pid_t pid_ = -1;
};

class DaprRuntime {
 public:
  static bool available() {
    return std::getenv(programs()) && (store() != "dynamodb" || std::getenv("DYNAMODB_LOCAL"));
  }
  /// The variable that names the folder of Dapr's programs.
  static const char* programs() { return store() == "dynamodb" ? "DAPR_BIN" : "DAPR_STOCK_BIN"; }
  static std::string store() {
    const auto* name = std::getenv("DAPR_STORE");
    return name ? name : "dynamodb";
  }

  /// The sidecar calls the application at `channel_port`, once something listens there; with `health_checks` it looks
  /// every second whether it is well.
  DaprRuntime(const std::string& app_id, unsigned short channel_port, bool health_checks = false) {
    auto folder = (std::filesystem::temp_directory_path() / "dapr-runtime-XXXXXX").string();
    folder_ = ::mkdtemp(folder.data());
    const auto bin = std::filesystem::path(std::getenv(programs()));
    const auto placement = port(), scheduler = port(), peer = port(), raft = port();
    start_store();
    write_resources();
    start({bin / "placement", "--enable-metrics=false", "--listen-address", "127.0.0.1", "--port", placement,
           "--healthz-listen-address", "127.0.0.1", "--healthz-port", port(), "--id", "placement-0",
           "--initial-cluster", "placement-0=127.0.0.1:" + raft});
    start({bin / "scheduler",
           "--enable-metrics=false",
           "--listen-address",
           "127.0.0.1",
           "--port",
           scheduler,
           "--healthz-listen-address",
           "127.0.0.1",
           "--healthz-port",
           port(),
           "--id",
           "dapr-scheduler-server-0",
           "--override-broadcast-host-port",
           "127.0.0.1:" + scheduler,
           "--etcd-data-dir",
           folder_ / "etcd",
           "--etcd-initial-cluster",
           "dapr-scheduler-server-0=http://127.0.0.1:" + peer,
           "--etcd-client-port",
           port(),
           "--etcd-client-listen-address",
           "127.0.0.1"});
    const auto http = port();
    sidecar_port_ = static_cast<unsigned short>(std::stoi(http));
    ::setenv("APP_API_TOKEN", "app-token", 1);
    ::setenv("DAPR_API_TOKEN", "sidecar-token", 1);
    ::setenv("DAPR_HOST_IP", "127.0.0.1", 1);
    std::vector<std::string> sidecar{bin / "daprd",
                                     "--app-id",
                                     app_id,
                                     "--app-port",
                                     std::to_string(channel_port),
                                     "--app-protocol",
                                     "http",
                                     "--dapr-listen-addresses",
                                     "127.0.0.1",
                                     "--dapr-http-port",
                                     http,
                                     "--dapr-grpc-port",
                                     port(),
                                     "--dapr-internal-grpc-port",
                                     port(),
                                     "--dapr-internal-grpc-listen-address",
                                     "127.0.0.1",
                                     "--enable-metrics=false",
                                     "--resources-path",
                                     folder_ / "resources",
                                     "--config",
                                     folder_ / "configuration.yaml",
                                     "--placement-host-address",
                                     "127.0.0.1:" + placement,
                                     "--scheduler-host-address",
                                     "127.0.0.1:" + scheduler,
                                     "--log-level",
                                     "debug",
                                     "--dapr-graceful-shutdown-seconds",
                                     "1"};
    if (health_checks)
      for (const auto* argument : {"--enable-app-health-check", "--app-health-check-path", "/healthz",
                                   "--app-health-probe-interval", "1", "--app-health-threshold", "3"})
        sidecar.push_back(argument);
    prepare_store();
    start(std::move(sidecar));
  }
  ~DaprRuntime() {
    while (!processes_.empty()) processes_.pop_back();  // the sidecar first
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }

  unsigned short sidecar_port() const { return sidecar_port_; }
  /// What the programs said, for a failed test.
  std::string logs() const {
    std::string text;
    for (const auto& entry : std::filesystem::directory_iterator(folder_))
      if (entry.path().extension() == ".log") {
        std::ifstream in(entry.path());
        text += "--- " + entry.path().filename().string() + "\n" + std::string(std::istreambuf_iterator<char>(in), {});
      }
    return text;
  }

 private:
  static std::string port() { return std::to_string(free_port()); }
  void start_store() {
    store_port_ = free_port();
    const auto port = std::to_string(store_port_);
    if (store() == "redis")
      start({"/usr/bin/env", "redis-server", "--bind", "127.0.0.1", "--port", port, "--save", "", "--dir", folder_});
    else if (store() == "postgresql")
      start_postgresql(port);
    else
      start_dynamodb(port);
  }
  void start_dynamodb(const std::string& port) {
    const auto folder = std::string(std::getenv("DYNAMODB_LOCAL"));
    start({"/usr/bin/env", "java", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
           "-Djava.library.path=" + folder + "/lib", "-cp", folder + ":" + folder + "/lib/*", "LoopbackServer",
           "-inMemory", "-sharedDb", "-port", port, "-disableTelemetry"});
  }
  /// PostgreSQL refuses to run as root, and is then run as the user that Debian has for it.
  void start_postgresql(const std::string& port) {
    const auto as_itself = [](std::string script) {
      std::vector<std::string> command{"/bin/sh", "-c",
                                       "PATH=\"$(ls -d /usr/lib/postgresql/*/bin | tail -1):$PATH\"; " + script};
      if (::geteuid() == 0)
        command.insert(command.begin(),
                       {"/usr/bin/env", "setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"});
      return command;
    };
    const auto data = folder_ / "postgresql";
    std::filesystem::create_directory(data);
    if (::geteuid() == 0) {
      std::filesystem::permissions(folder_, std::filesystem::perms::group_exec | std::filesystem::perms::others_exec,
                                   std::filesystem::perm_options::add);
      const auto* user = ::getpwnam("postgres");
      if (!user || ::chown(data.c_str(), user->pw_uid, user->pw_gid) != 0)
        throw std::runtime_error("there is no user postgres to run PostgreSQL as: apt-get install postgresql");
    }
    start(as_itself("initdb --auth=trust --username=dapr --locale=C --encoding=UTF8 --no-sync -D " + data.string() +
                    " && exec postgres -D " + data.string() +
                    " -c fsync=off -c listen_addresses=127.0.0.1 -c unix_socket_directories= -p " + port));
  }
  /// Waits until the store is there. DynamoDB has no table by itself.
  void prepare_store() const {
    for (int i = 0; i < 600; ++i) {
      if (store() == "dynamodb" ? make_table() : takes_connections()) return;
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
    throw std::runtime_error("the store did not start:\n" + logs());
  }
  bool takes_connections() const {
    const int descriptor = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(store_port_);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const bool taken = ::connect(descriptor, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
    ::close(descriptor);
    return taken;
  }
  bool make_table() const {
    const std::string body =
        R"({"TableName":"conformance","BillingMode":"PAY_PER_REQUEST","AttributeDefinitions":[{"AttributeName":"key",)"
        R"("AttributeType":"S"}],"KeySchema":[{"AttributeName":"key","KeyType":"HASH"}]})";
    const auto request =
        "POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Amz-Target: DynamoDB_20120810.CreateTable\r\nX-Amz-Date: "
        "20260101T000000Z\r\nAuthorization: AWS4-HMAC-SHA256 "
        "Credential=local/20260101/us-west-2/dynamodb/aws4_request, "
        "SignedHeaders=host, Signature=0\r\nContent-Type: application/x-amz-json-1.0\r\nConnection: close\r\n"
        "Content-Length: " +
        std::to_string(body.size()) + "\r\n\r\n" + body;
    return tell(store_port_, request).find("200 OK") != std::string::npos;
  }
  void start(std::vector<std::string> arguments) {
    const auto log = folder_ / (std::filesystem::path(arguments[0]).filename().string() + ".log");
    processes_.push_back(std::make_unique<Process>(std::move(arguments), log));
  }
  void write(const std::string& name, const std::string& text) const { std::ofstream(folder_ / name) << text; }
  void write_component(const std::string& name, const std::string& type, const std::string& metadata,
                       const std::string& version = "v1") const {
    write("resources/" + name + ".yaml", "apiVersion: dapr.io/v1alpha1\nkind: Component\nmetadata: {name: " + name +
                                             "}\nspec:\n  type: " + type + "\n  version: " + version +
                                             "\n  metadata: [" + metadata + "]\n");
  }
  void write_store() const {
    const auto address = "127.0.0.1:" + std::to_string(store_port_);
    const auto write_it = [this](const std::string& type, const std::string& metadata, const std::string& version) {
      write_component("statestore", type, "{name: actorStateStore, value: 'true'}, " + metadata, version);
    };
    if (store() == "redis")
      write_it("state.redis", "{name: redisHost, value: '" + address + "'}", "v1");
    else if (store() == "postgresql")
      write_it("state.postgresql", "{name: connectionString, value: 'postgres://dapr@" + address + "/postgres'}", "v2");
    else
      write_it("state.aws.dynamodb",
               "{name: table, value: conformance}, {name: region, value: us-west-2}, {name: endpoint, value: 'http://" +
                   address +
                   "'}, {name: accessKey, value: local}, {name: secretKey, value: local}, {name: ttlAttributeName, "
                   "value: expiresAt}",
               "v1");
  }
  void write_resources() const {
    std::filesystem::create_directory(folder_ / "resources");
    write_store();
    write_component("pubsub", "pubsub.in-memory", "");
    write_component(
        "secretstore", "secretstores.local.file",
        "{name: secretsFile, value: " + (folder_ / "secrets.json").string() + "}, {name: multiValued, value: 'true'}");
    write("secrets.json", R"({"jwt": {"hs256": "key"}})");
    write("resources/subscription.yaml",
          "apiVersion: dapr.io/v2alpha1\nkind: Subscription\nmetadata: {name: things}\nspec:\n  pubsubname: pubsub\n"
          "  topic: things\n  routes:\n    rules:\n      - match: event.type == 'thing.happened'\n"
          "        path: /events/thing.happened\n    default: /events/unknown\n");
    write("resources/resiliency.yaml",
          "apiVersion: dapr.io/v1alpha1\nkind: Resiliency\nmetadata: {name: test}\nspec:\n  policies:\n    retries:\n"
          "      redeliver: {policy: constant, duration: 300ms, maxRetries: 20}\n  targets:\n    components:\n"
          "      pubsub: {inbound: {retry: redeliver}}\n");
    write("configuration.yaml",
          "apiVersion: dapr.io/v1alpha1\nkind: Configuration\nmetadata: {name: test}\nspec:\n  nameResolution:\n"
          "    component: sqlite\n    version: v1\n    configuration: {connectionString: '" +
              (folder_ / "names.db").string() +
              "'}\n"
              "  features: [{name: ActorStateTTL, enabled: true}]\n");
  }

  std::filesystem::path folder_;
  unsigned short sidecar_port_ = 0;
  unsigned short store_port_ = 0;
  std::vector<std::unique_ptr<Process>> processes_;
};

}  // namespace dapr::actors::http::testing
