/// Coroutines of the library: `Task<T>` is work that starts when it is awaited and resumes whoever awaited it.
///
/// A task runs on whatever thread completes what it waits for; what makes an actor's turn exclusive is its mailbox, not
/// a thread. Exceptions travel to the awaiter. A Task is awaited at most once; one that is never awaited never runs.
#pragma once

#include <atomic>
#include <utility>  // first: Boost 1.74's awaitable.hpp forgets it under g++ 12

#include <coroutine>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <type_traits>
#include <variant>
#include <vector>

#pragma GCC visibility push(default)

namespace dapr::actors {

template <class T = void>
class [[nodiscard]] Task;

namespace detail {

struct Resume {  // final awaiter: hands control to who awaited, without growing the stack
  bool await_ready() const noexcept { return false; }
  template <class P>
  std::coroutine_handle<> await_suspend(std::coroutine_handle<P> done) const noexcept {
    return done.promise().continuation;
  }
  void await_resume() const noexcept {}
};

struct PromiseBase {
  std::coroutine_handle<> continuation = std::noop_coroutine();
  std::exception_ptr error;
  std::suspend_always initial_suspend() const noexcept { return {}; }
  Resume final_suspend() const noexcept { return {}; }
  void unhandled_exception() noexcept { error = std::current_exception(); }
};

template <class T>
struct Promise : PromiseBase {
  std::optional<T> value;
  Task<T> get_return_object() noexcept;
  template <class U>
  void return_value(U&& from) {
    value.emplace(std::forward<U>(from));
  }
  T take() {
    if (error) std::rethrow_exception(error);
    return std::move(*value);
  }
};

template <>
struct Promise<void> : PromiseBase {
  Task<void> get_return_object() noexcept;
  void return_void() const noexcept {}
  void take() const {
    if (error) std::rethrow_exception(error);
  }
};

}  // namespace detail

template <class T>
class [[nodiscard]] Task {
 public:
  using value_type = T;
  using promise_type = detail::Promise<T>;

  Task(Task&& other) noexcept : coroutine_(std::exchange(other.coroutine_, {})) {}
  Task& operator=(Task&& other) noexcept {
    std::swap(coroutine_, other.coroutine_);
    return *this;
  }
  ~Task() {
    if (coroutine_) coroutine_.destroy();
  }

  auto operator co_await() && noexcept {
    struct Awaiter {
      std::coroutine_handle<promise_type> coroutine;
      bool await_ready() const noexcept { return false; }
      std::coroutine_handle<> await_suspend(std::coroutine_handle<> awaiting) const noexcept {
        coroutine.promise().continuation = awaiting;
        return coroutine;
      }
      T await_resume() const { return coroutine.promise().take(); }
    };
    return Awaiter{coroutine_};
  }

 private:
  friend promise_type;
  explicit Task(std::coroutine_handle<promise_type> coroutine) : coroutine_(coroutine) {}
  std::coroutine_handle<promise_type> coroutine_;
};

namespace detail {
template <class T>
Task<T> Promise<T>::get_return_object() noexcept {
  return Task<T>(std::coroutine_handle<Promise<T>>::from_promise(*this));
}
inline Task<void> Promise<void>::get_return_object() noexcept {
  return Task<void>(std::coroutine_handle<Promise<void>>::from_promise(*this));
}

struct Detached {  // a coroutine nobody awaits; it frees itself
  struct promise_type {
    Detached get_return_object() const noexcept { return {}; }
    std::suspend_never initial_suspend() const noexcept { return {}; }
    std::suspend_never final_suspend() const noexcept { return {}; }
    void return_void() const noexcept {}
    [[noreturn]] void unhandled_exception() const noexcept { std::terminate(); }
  };
};
}  // namespace detail

template <class T>
inline constexpr bool is_task = false;
template <class T>
inline constexpr bool is_task<Task<T>> = true;

/// What became of a task: its value, or what it threw.
template <class T>
class Outcome {
 public:
  explicit Outcome(std::exception_ptr error) : error_(std::move(error)) {}
  template <class U>
  requires(!std::same_as<std::remove_cvref_t<U>, std::exception_ptr> &&
           !std::same_as<std::remove_cvref_t<U>, Outcome>) explicit Outcome(U&& value)
      : value_(std::forward<U>(value)) {}
  bool failed() const { return static_cast<bool>(error_); }
  std::exception_ptr error() const { return error_; }
  /// The value; throws what the task threw.
  T& get() {
    if (error_) std::rethrow_exception(error_);
    return *value_;
  }

 private:
  std::optional<T> value_;
  std::exception_ptr error_;
};
template <>
class Outcome<void> {
 public:
  Outcome() = default;
  explicit Outcome(std::exception_ptr error) : error_(std::move(error)) {}
  bool failed() const { return static_cast<bool>(error_); }
  std::exception_ptr error() const { return error_; }
  void get() const {
    if (error_) std::rethrow_exception(error_);
  }

 private:
  std::exception_ptr error_;
};

/// Starts `task` on the calling thread, without waiting for it; `done` gets its outcome, exactly once, on the thread
/// that finished it, and must not throw.
template <class T, class Done>
void spawn(Task<T> task, Done done) {
  [](Task<T> work, Done then) -> detail::Detached {
    std::exception_ptr error;
    if constexpr (std::is_void_v<T>) {
      try {
        co_await std::move(work);
      } catch (...) {
        error = std::current_exception();
      }
      then(error ? Outcome<void>(error) : Outcome<void>());
    } else {
      std::optional<T> value;
      try {
        value.emplace(co_await std::move(work));
      } catch (...) {
        error = std::current_exception();
      }
      then(error ? Outcome<T>(error) : Outcome<T>(std::move(*value)));
    }
  }(std::move(task), std::move(done));
}

/// Waits for something that completes by a callback:
/// `T value = co_await suspend<T>([&](Completion<T> done) { start(…, [done] { done(value); }); });`
/// `done` (or `done.fail`) must be called exactly once, from any thread; the task resumes inside that call. A closure
/// that owns something is named before it is awaited with (see `when_all`).
template <class T>
class Completion {
 public:
  struct Slot {
    std::optional<std::conditional_t<std::is_void_v<T>, std::monostate, T>> value;
    std::exception_ptr error;
    std::coroutine_handle<> waiting;
  };
  explicit Completion(Slot& slot) : slot_(&slot) {}
  template <class... U>
  void operator()(U&&... value) const {
    slot_->value.emplace(std::forward<U>(value)...);
    slot_->waiting.resume();
  }
  void fail(const std::exception_ptr& error) const {
    slot_->error = error;
    slot_->waiting.resume();
  }

 private:
  Slot* slot_;
};

template <class T, class Start>
Task<T> suspend(Start start) {
  struct Awaiter {
    Start& start;
    typename Completion<T>::Slot slot;
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> waiting) {
      slot.waiting = waiting;
      // Moved out first: the completion may resume, and so destroy, the coroutine that holds it before `start` returns.
      Start started = std::move(start);
      started(Completion<T>(slot));
    }
    T await_resume() {
      if (slot.error) std::rethrow_exception(slot.error);
      if constexpr (!std::is_void_v<T>) return std::move(*slot.value);
    }
  };
  co_return co_await Awaiter{start, {}};
}

namespace detail {
/// Runs all tasks at once and answers what became of them, in order, after all have ended.
template <class T>
Task<std::vector<std::optional<Outcome<T>>>> all_outcomes(std::vector<Task<T>> tasks) {
  struct Shared {
    std::vector<std::optional<Outcome<T>>> outcomes;
    std::atomic<std::size_t> left;
  };
  if (tasks.empty()) co_return std::vector<std::optional<Outcome<T>>>{};
  auto shared = std::make_shared<Shared>();
  shared->outcomes.resize(tasks.size());
  shared->left = tasks.size();
  // Named first: g++ 12 destroys a closure that owns something twice if it is written into the awaited call itself.
  const auto start = [&tasks, shared](Completion<void> done) {
    auto started = std::move(tasks);
    for (std::size_t i = 0; i < started.size(); ++i)
      spawn(std::move(started[i]), [shared, i, done](Outcome<T> outcome) {
        shared->outcomes[i].emplace(std::move(outcome));
        if (shared->left.fetch_sub(1) == 1) done();
      });
  };
  co_await suspend<void>(start);
  co_return std::move(shared->outcomes);
}
}  // namespace detail

/// Runs all tasks at once and answers their values in order; throws the first error, after all have ended.
template <class T>
Task<std::vector<T>> when_all(std::vector<Task<T>> tasks) {
  auto outcomes = co_await detail::all_outcomes(std::move(tasks));
  std::vector<T> values;
  values.reserve(outcomes.size());
  for (auto& outcome : outcomes) values.push_back(std::move(outcome->get()));
  co_return values;
}
/// The same for tasks that answer nothing.
Task<void> when_all(std::vector<Task<void>> tasks);

}  // namespace dapr::actors

#pragma GCC visibility pop
