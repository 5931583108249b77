#include "services/common/metrics.hpp"

#include <prometheus/collectable.h>
#include <prometheus/counter.h>
#include <prometheus/exposer.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>
#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <sstream>
#include <stdexcept>
#include <unordered_map>
#include <utility>
#include <vector>

namespace shop::services {
namespace {

using prometheus::Family;
using prometheus::Gauge;
using prometheus::Histogram;
using PrometheusCounter = prometheus::Counter;

/// From half a millisecond, a cached read, to the ten seconds after which any client has given up.
const Histogram::BucketBoundaries seconds_buckets{0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05,
                                                  0.1,    0.25,  0.5,    1,     2.5,  5,     10};

double seconds(Microseconds took) {
  return std::chrono::duration<double>(took).count();
}

/// One family's series by the values of its labels. Looking a known one up allocates nothing.
template <class T, std::size_t N>
class Series {
 public:
  using Values = std::array<std::string_view, N>;
  Series(Family<T>& family, std::array<const char*, N> names) : family_(family), names_(names) {}

  T& at(const Values& values) {
    std::lock_guard lock(mutex_);
    if (const auto known = series_.find(values); known != series_.end()) return *known->second;
    prometheus::Labels labels;
    std::array<std::string, N> key;
    for (std::size_t i = 0; i < N; ++i) labels[names_[i]] = key[i] = std::string(values[i]);
    T* added = nullptr;
    if constexpr (std::is_same_v<T, Histogram>)
      added = &family_.Add(labels, seconds_buckets);
    else
      added = &family_.Add(labels);
    series_.emplace(std::move(key), added);
    return *added;
  }

 private:
  struct Hash {
    using is_transparent = void;
    template <class Array>
    std::size_t operator()(const Array& values) const {
      std::size_t hash = 0;
      for (const auto& value : values) hash = hash * 31 + std::hash<std::string_view>{}(value);
      return hash;
    }
  };
  struct Equal {
    using is_transparent = void;
    template <class Left, class Right>
    bool operator()(const Left& left, const Right& right) const {
      for (std::size_t i = 0; i < N; ++i)
        if (std::string_view(left[i]) != std::string_view(right[i])) return false;
      return true;
    }
  };
  Family<T>& family_;
  const std::array<const char*, N> names_;
  std::mutex mutex_;
  std::unordered_map<std::array<std::string, N>, T*, Hash, Equal> series_;
};

/// The process itself, under the names every Prometheus client library gives them:
/// https://prometheus.io/docs/instrumenting/writing_clientlibs/#process-metrics
class ProcessMetrics final : public prometheus::Collectable {
 public:
  std::vector<prometheus::MetricFamily> Collect() const override {
    using prometheus::MetricType;
    std::vector<prometheus::MetricFamily> families;
    const auto add = [&](const char* name, const char* help, MetricType type, double value) {
      prometheus::ClientMetric metric;
      if (type == MetricType::Counter)
        metric.counter.value = value;
      else
        metric.gauge.value = value;
      families.push_back({name, help, type, {metric}});
    };
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    const auto of = [](const timeval& time) {
      return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
    };
    add("process_cpu_seconds_total", "Total user and system CPU time spent in seconds.", MetricType::Counter,
        of(usage.ru_utime) + of(usage.ru_stime));
    add("process_resident_memory_bytes", "Resident memory size in bytes.", MetricType::Gauge, resident_bytes());
    add("process_open_fds", "Number of open file descriptors.", MetricType::Gauge, open_files());
    rlimit limit{};
    getrlimit(RLIMIT_NOFILE, &limit);
    add("process_max_fds", "Maximum number of open file descriptors.", MetricType::Gauge,
        static_cast<double>(limit.rlim_cur));
    add("process_start_time_seconds", "Start time of the process since unix epoch in seconds.", MetricType::Gauge,
        started_);
    return families;
  }

 private:
  static double resident_bytes() {
    std::ifstream file("/proc/self/statm");
    double size = 0, resident = 0;
    file >> size >> resident;
    return resident * static_cast<double>(sysconf(_SC_PAGESIZE));
  }
  static double open_files() {
    std::error_code error;
    double count = 0;
    for (std::filesystem::directory_iterator file("/proc/self/fd", error), end; !error && file != end;
         file.increment(error))
      ++count;
    return count > 0 ? count - 1 : 0;  // without the directory being read
  }
  /// The metrics are made when the process starts; a scraper compares, it does not date.
  const double started_ = std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
};

}  // namespace

class Metrics::Parts {
 public:
  std::shared_ptr<prometheus::Registry> registry = std::make_shared<prometheus::Registry>();
  std::shared_ptr<ProcessMetrics> process = std::make_shared<ProcessMetrics>();

 private:
  Family<PrometheusCounter>& counters(const char* name, const char* help) {
    return prometheus::BuildCounter().Name(name).Help(help).Register(*registry);
  }
  Family<Gauge>& gauges(const char* name, const char* help) {
    return prometheus::BuildGauge().Name(name).Help(help).Register(*registry);
  }
  Family<Histogram>& histograms(const char* name, const char* help) {
    return prometheus::BuildHistogram().Name(name).Help(help).Register(*registry);
  }

 public:
  Series<PrometheusCounter, 3> http_requests{
      counters("shop_http_requests_total", "Requests answered by the REST facade."), {"method", "route", "status"}};
  Series<Histogram, 2> http_duration{
      histograms("shop_http_request_duration_seconds", "From a request's arrival to its answer."), {"method", "route"}};
  Gauge& http_in_flight = gauges("shop_http_requests_in_flight", "Requests taken and not yet answered.").Add({});

  Series<PrometheusCounter, 4> turns{
      counters("actor_turns_total", "Turns of actors by what started them and how they ended."),
      {"type", "method", "cause", "outcome"}};
  Series<Histogram, 2> turn_duration{
      histograms("actor_turn_duration_seconds", "From a turn's start to its answer, commit included."),
      {"type", "method"}};
  Series<PrometheusCounter, 2> commits{counters("actor_commits_total", "Actor-state transactions."),
                                       {"type", "result"}};
  Series<Histogram, 1> commit_duration{
      histograms("actor_commit_duration_seconds", "Duration of an actor-state transaction."), {"type"}};
  Series<Gauge, 1> activations{gauges("actor_activations", "Actors active on this host."), {"type"}};
  Series<Gauge, 1> outbox{gauges("actor_outbox_events", "Events committed and not yet sent."), {"type"}};
  Series<PrometheusCounter, 3> reminders{counters("actor_reminder_changes_total", "Reminders armed and removed."),
                                         {"type", "name", "change"}};

  Series<PrometheusCounter, 2> published{counters("actor_events_published_total", "Events given to the broker."),
                                         {"type", "result"}};
  Series<Histogram, 1> publish_duration{histograms("actor_event_publish_duration_seconds", "Duration of a publish."),
                                        {"type"}};
  Series<PrometheusCounter, 2> received{counters("events_received_total", "Events delivered to this service."),
                                        {"type", "outcome"}};
  Series<Histogram, 1> receive_duration{histograms("event_handling_duration_seconds", "Duration of handling an event."),
                                        {"type"}};

  Series<PrometheusCounter, 2> sidecar_requests{counters("sidecar_requests_total", "Requests to the sidecar."),
                                                {"operation", "status"}};
  Series<Histogram, 1> sidecar_duration{
      histograms("sidecar_request_duration_seconds", "Duration of a sidecar request."), {"operation"}};
  PrometheusCounter& warnings =
      counters("service_warnings_total", "What an operator should know and belongs to no turn; the log says more.")
          .Add({});

  // Last: it serves the others.
  std::unique_ptr<prometheus::Exposer> exposer;
};

void Counter::add(double amount) const {
  series_->Increment(amount);
}

Metrics::Metrics() : parts_(std::make_unique<Parts>()) {}
Metrics::~Metrics() = default;

unsigned short Metrics::expose(const std::string& address, unsigned short port) {
  try {
    parts_->exposer = std::make_unique<prometheus::Exposer>(address + ":" + std::to_string(port));
  } catch (const std::exception&) {
    throw std::runtime_error("the metrics page cannot be opened on " + address + ":" + std::to_string(port) +
                             ": is the port taken?");
  }
  parts_->exposer->RegisterCollectable(parts_->registry);
  parts_->exposer->RegisterCollectable(parts_->process);
  return static_cast<unsigned short>(parts_->exposer->GetListeningPorts().at(0));
}

std::string Metrics::page() const {
  auto families = parts_->registry->Collect();
  for (auto& family : parts_->process->Collect()) families.push_back(std::move(family));
  std::ostringstream page;
  prometheus::TextSerializer().Serialize(page, families);
  return page.str();
}

void Metrics::http_request(std::string_view method, std::string_view route, int status, Microseconds took) {
  parts_->http_requests.at({method, route, std::to_string(status)}).Increment();
  parts_->http_duration.at({method, route}).Observe(seconds(took));
}
void Metrics::http_in_flight(int delta) {
  parts_->http_in_flight.Increment(delta);
}

void Metrics::turn(std::string_view type, std::string_view method, std::string_view cause, std::string_view outcome,
                   Microseconds took) {
  parts_->turns.at({type, method, cause, outcome}).Increment();
  parts_->turn_duration.at({type, method}).Observe(seconds(took));
}
void Metrics::commit(std::string_view type, bool ok, Microseconds took) {
  parts_->commits.at({type, ok ? "ok" : "failed"}).Increment();
  parts_->commit_duration.at({type}).Observe(seconds(took));
}
void Metrics::activations(std::string_view type, int delta) {
  parts_->activations.at({type}).Increment(delta);
}
void Metrics::outbox(std::string_view type, int delta) {
  parts_->outbox.at({type}).Increment(delta);
}

void Metrics::event_published(std::string_view type, bool ok, Microseconds took) {
  parts_->published.at({type, ok ? "ok" : "failed"}).Increment();
  parts_->publish_duration.at({type}).Observe(seconds(took));
}
void Metrics::event_received(std::string_view type, std::string_view outcome, Microseconds took) {
  parts_->received.at({type, outcome}).Increment();
  parts_->receive_duration.at({type}).Observe(seconds(took));
}
void Metrics::reminder(std::string_view type, std::string_view name, bool armed) {
  parts_->reminders.at({type, name, armed ? "armed" : "removed"}).Increment();
}
void Metrics::sidecar(std::string_view operation, int status, Microseconds took) {
  parts_->sidecar_requests.at({operation, std::to_string(status)}).Increment();
  parts_->sidecar_duration.at({operation}).Observe(seconds(took));
}
void Metrics::warning() {
  parts_->warnings.Increment();
}

Counter Metrics::counter(const std::string& name, const std::string& help,
                         const std::map<std::string, std::string>& labels) {
  auto& family = prometheus::BuildCounter().Name(name).Help(help).Register(*parts_->registry);
  return Counter(family.Add(labels));
}

}  // namespace shop::services
