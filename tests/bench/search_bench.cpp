// What lists and searches cost in a catalog of 1,000, 10,000 and 100,000 products of about 1 KB (`--million`: also of
// 1,000,000): time and memory to build and to open, and for each kind of question its median and 99th percentile, with
// facets, total and a page of 20, in processor time. The words of a description are drawn as in a text: few are in
// nearly all, many in few.
//
//     ninja -C build tests/bench/search_bench && build/tests/bench/search_bench [--million] [--file FILE]
#include <time.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <vector>

#include "actors/product/read_model.hpp"

namespace {

using namespace shop::product;
/// Processor time of this thread: the model works in the caller's, and a machine that is busy with other things does
/// not make it slower.
double now() {
  timespec time{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}
double seconds_since(double begun) {
  return now() - begun;
}

double resident_megabytes() {
  std::ifstream status("/proc/self/status");
  std::string line;
  while (std::getline(status, line))
    if (line.starts_with("VmRSS:")) return std::stod(line.substr(6)) / 1024;
  return 0;
}

class Words {
 public:
  explicit Words(std::mt19937& random) {
    constexpr std::string_view consonants = "bcdfghjklmnprstvz", vowels = "aeiou";
    for (int i = 0; i < 60'000; ++i) {
      std::string word;
      for (auto left = 1 + random() % 4; left > 0; --left) {
        word += consonants[random() % consonants.size()];
        word += vowels[random() % vowels.size()];
        if (random() % 4 == 0) word += consonants[random() % consonants.size()];
      }
      words_.push_back(word);
    }
    std::sort(words_.begin(), words_.end());
    words_.erase(std::unique(words_.begin(), words_.end()), words_.end());
    std::shuffle(words_.begin(), words_.end(), random);
    std::vector<double> weights;
    for (std::size_t i = 0; i < words_.size(); ++i) weights.push_back(1.0 / static_cast<double>(i + 2));
    draw_ = std::discrete_distribution<std::size_t>(weights.begin(), weights.end());
  }
  const std::string& any(std::mt19937& random) { return words_[draw_(random)]; }
  /// The commonest has number 0.
  const std::string& number(std::size_t number) const { return words_[number]; }
  std::string text(std::mt19937& random, std::size_t bytes) {
    std::string text;
    while (text.size() < bytes) text += any(random) + ' ';
    return text;
  }

 private:
  std::vector<std::string> words_;
  std::discrete_distribution<std::size_t> draw_;
};

Change product(std::size_t number, Words& words, std::mt19937& random) {
  Change change;
  auto& product = change.product;
  product.id = shop::ProductId("product-" + std::to_string(number * 2'654'435'761u % 4'294'967'296u));
  product.name = "Shop " + words.text(random, 24);
  product.description = words.text(random, 850);
  product.category = "Category " + std::to_string(random() % 40);
  product.price = {static_cast<std::int64_t>(random() % 100'000), random() % 5 ? "EUR" : "JPY"};
  product.version = 1;
  product.created_at = Time(actors::Duration(1'700'000'000'000 + static_cast<std::int64_t>(number)));
  change.in_stock = random() % 10 != 0;
  change.stock_revision = 1;
  return change;
}

void report(const char* what, std::vector<double> times, std::size_t total) {
  std::sort(times.begin(), times.end());
  const auto at = [&](double part) {
    return times[static_cast<std::size_t>(part * static_cast<double>(times.size() - 1))];
  };
  std::printf("  %-44s p50 %7.2f ms   p99 %7.2f ms   first total %zu\n", what, at(0.5) * 1e3, at(0.99) * 1e3, total);
}

template <class Ask>
void measure(const ReadModel& model, const char* what, std::size_t times, Ask ask) {
  std::vector<double> taken;
  std::size_t total = 0;
  for (std::size_t i = 0; i < times; ++i) {
    const Query query = ask(i);
    const auto begun = now();
    const auto page = model.select(query);
    taken.push_back(seconds_since(begun));
    if (i == 0) total = page->total;
  }
  report(what, std::move(taken), total);
}

std::string mistyped(std::string word, std::mt19937& random) {
  word[random() % word.size()] = static_cast<char>('a' + random() % 26);
  return word;
}

void run(std::size_t size, const std::string& file) {
  std::mt19937 random(7);
  Words words(random);
  const auto memory = resident_megabytes();
  const auto warn = [](const std::string& text) { std::printf("  warning: %s\n", text.c_str()); };
  double building = 0;
  {
    ReadModel model(file, warn);
    for (std::size_t i = 0; i < size;) {
      std::vector<Change> changes;
      for (const auto end = std::min(size, i + 500); i < end; ++i) changes.push_back(product(i, words, random));
      const auto begun = now();
      model.apply(changes);
      building += seconds_since(begun);
    }
  }
  std::printf("%zu products: built in %.2f s (%.0f/s)", size, building, static_cast<double>(size) / building);
  if (!file.empty()) std::printf(", %.0f MB on disk", static_cast<double>(std::filesystem::file_size(file)) / 1e6);
  const auto begun = now();
  ReadModel model(file, warn);
  std::printf(", opened in %.2f s, %.0f MB in memory\n", seconds_since(begun), resident_megabytes() - memory);

  measure(model, "list by name", 200, [&](std::size_t) { return Query{}; });
  measure(model, "list by price, filtered by price and stock", 200, [&](std::size_t i) {
    return Query{.least_price = static_cast<std::int64_t>(i) * 100, .in_stock = true, .sort = Sort::PriceDescending};
  });
  measure(model, "a category, newest first", 200,
          [&](std::size_t i) { return Query{.category = "Category " + std::to_string(i % 40), .sort = Sort::Newest}; });
  std::optional<std::string> next;
  measure(model, "the same pages in a row", 100, [&](std::size_t) {
    const Query query{.sort = Sort::Price, .limit = 100, .cursor = next};
    next = model.select(query)->next;
    return query;
  });
  measure(model, "a word of every product, again and again", 200, [&](std::size_t) { return Query{.words = "shop"}; });
  measure(model, "a word of most products, each once", 50,
          [&](std::size_t i) { return Query{.words = words.number(i)}; });
  measure(model, "two of them", 50,
          [&](std::size_t i) { return Query{.words = words.number(i) + ' ' + words.number(i + 7)}; });
  measure(model, "a word of any product, each once", 500,
          [&](std::size_t) { return Query{.words = words.any(random)}; });
  measure(model, "three words of a product", 200, [&](std::size_t i) {
    return Query{.words = words.any(random) + ' ' + words.number(i % 300) + ' ' + words.any(random)};
  });
  measure(model, "a seldom word, mistyped", 200,
          [&](std::size_t i) { return Query{.words = mistyped(words.number(1000 + i * 7), random)}; });
  measure(model, "one letter", 26,
          [&](std::size_t i) { return Query{.words = std::string(1, static_cast<char>('a' + i))}; });
  measure(model, "two letters", 100, [&](std::size_t i) { return Query{.words = words.number(i).substr(0, 2)}; });
  measure(model, "three letters", 100, [&](std::size_t i) { return Query{.words = words.number(i * 5).substr(0, 3)}; });
  measure(model, "words, category, price order", 200, [&](std::size_t i) {
    return Query{.words = words.number(i), .category = "Category 7", .sort = Sort::Price};
  });
  std::size_t number = 0;
  std::int64_t version = 2;
  measure(model, "a common word, each time after a write", 100, [&](std::size_t) {
    auto change = product(number++, words, random);
    change.product.version = version++;
    model.apply({change});
    return Query{.words = "shop"};
  });
  measure(model, "list by name, each time after a write", 100, [&](std::size_t) {
    auto change = product(number++, words, random);
    change.product.version = version++;
    model.apply({change});
    return Query{};
  });
  std::vector<double> writes;
  for (int i = 0; i < 200; ++i) {
    auto change = product(number++, words, random);
    change.product.version = version++;
    const auto start = now();
    model.apply({change});
    writes.push_back(seconds_since(start));
  }
  report("one product written", std::move(writes), 1);
  std::printf("  %.0f MB in memory afterwards\n", resident_megabytes() - memory);
  std::fflush(stdout);
}

}  // namespace

int main(int count, char** arguments) {
  std::string file = std::filesystem::temp_directory_path() / "search_bench.sqlite";
  std::vector<std::size_t> sizes{1'000, 10'000, 100'000};
  for (int i = 1; i < count; ++i) {
    if (std::strcmp(arguments[i], "--million") == 0) sizes.push_back(1'000'000);
    if (std::strcmp(arguments[i], "--file") == 0 && i + 1 < count) file = arguments[++i];
  }
  for (const auto size : sizes) {
    for (const auto* suffix : {"", "-wal", "-shm", ".lock"}) std::filesystem::remove(file + suffix);
    run(size, file);
  }
  for (const auto* suffix : {"", "-wal", "-shm", ".lock"}) std::filesystem::remove(file + suffix);
}
