/// Metrics of a service, for Prometheus: https://prometheus.io/docs/practices/naming/ (base units, `_total` for
/// counters).
///
/// Every series is looked up once and kept, so that counting on the hot path builds no label maps. Thread-safe; nothing
/// throws once the page is open.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>

namespace prometheus {
class Counter;
}  // namespace prometheus

namespace shop::services {

using Microseconds = std::chrono::microseconds;

/// A counter of a service's own; copies count the same series. Lives no longer than its Metrics.
class Counter {
 public:
  explicit Counter(prometheus::Counter& series) : series_(&series) {}
  void add(double amount = 1) const;

 private:
  prometheus::Counter* series_;
};

class Metrics {
 public:
  Metrics();
  ~Metrics();

  /// Serves the page at `http://address:port/metrics`; throws std::runtime_error when the port is taken. Port 0 takes
  /// any free one; answers which.
  unsigned short expose(const std::string& address, unsigned short port);
  /// The page's text.
  std::string page() const;

  void http_request(std::string_view method, std::string_view route, int status, Microseconds took);
  void http_in_flight(int delta);
  void turn(std::string_view type, std::string_view method, std::string_view cause, std::string_view outcome,
            Microseconds took);
  void commit(std::string_view type, bool ok, Microseconds took);
  void activations(std::string_view type, int delta);
  void outbox(std::string_view type, int delta);
  void event_published(std::string_view type, bool ok, Microseconds took);
  void event_received(std::string_view type, std::string_view outcome, Microseconds took);
  void reminder(std::string_view type, std::string_view name, bool armed);
  void sidecar(std::string_view operation, int status, Microseconds took);
  void warning();

  /// A counter of the service's own: `shop_…_total`.
  Counter counter(const std::string& name, const std::string& help,
                  const std::map<std::string, std::string>& labels = {});

 private:
  class Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace shop::services
