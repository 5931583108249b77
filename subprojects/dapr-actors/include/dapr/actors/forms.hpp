/// Forms of a stored state: how a document that an older program wrote is brought up to the present struct.
///
///     struct CartV1 {                          // the form in which it was first stored; it needs no number
///       std::string product;
///       int quantity = 0;
///       DAPR_ACTORS_JSON(product, quantity)
///     };
///     struct CartState {
///       std::vector<Line> lines;
///       bool operator==(const CartState&) const = default;
///       DAPR_ACTORS_JSON(lines)
///       static constexpr int stored_form = 2;
///       static CartState upcast(CartV1 older);  // one step: from form 1 to form 2
///     };
///
/// Each form names the one before it by the parameter of its `upcast`, down to the first, which has no number or 1.
/// What is not such a chain (a number is left out, a form above 1 has no `upcast`) does not compile. The document says
/// its number as `form`, beside `data`; one that says none is of form 1, so nothing changes for states without forms.
/// A document of a newer form than the program knows ends the activation, and with it the turn: nothing is written.
///
/// To add a member takes no new form: see `DAPR_ACTORS_JSON_DEFAULTED`.
#pragma once

#include <stdexcept>
#include <string>
#include <utility>

#include "dapr/actors/json.hpp"

#pragma GCC visibility push(default)

namespace dapr::actors {

/// A stored state of a form that this program does not know.
class UnknownForm : public std::runtime_error {
 public:
  UnknownForm(int stored, int newest)
      : std::runtime_error("the state is stored in form " + std::to_string(stored) +
                           ", and this program knows its forms 1 to " + std::to_string(newest) +
                           (stored < 1 ? "" : ": a newer version has written it") + ". It is left as it is") {}
};

namespace detail {

template <class S>
constexpr int stored_form_of() {
  if constexpr (requires { S::stored_form; })
    return S::stored_form;
  else
    return 1;
}

template <class S>
concept HasUpcast = requires {
  &S::upcast;
};

template <class F>
struct UpcastTraits {
  static constexpr bool is_one = false;
};
template <class To, class From>
struct UpcastTraits<To (*)(From)> {
  static constexpr bool is_one = true;
  using Newer = To;
  using Older = std::remove_cvref_t<From>;
};
template <class To, class From>
struct UpcastTraits<To (*)(From) noexcept> : UpcastTraits<To (*)(From)> {};

/// Whether the forms of `S` are a chain down to the first.
template <class S>
constexpr bool forms_are_a_chain() {
  constexpr int form = stored_form_of<S>();
  static_assert(form >= 1, "forms of a state are counted from 1");
  if constexpr (form == 1) {
    static_assert(!HasUpcast<S>, "a form with an `upcast` needs its number: `static constexpr int stored_form = 2;`");
    return true;
  } else if constexpr (!HasUpcast<S>) {
    static_assert(HasUpcast<S>,
                  "a stored form above 1 needs `static State upcast(OlderState older);` from the one before");
    return false;
  } else {
    using Step = UpcastTraits<decltype(&S::upcast)>;
    static_assert(Step::is_one, "`upcast` is static and takes the state of the form before, and that alone");
    if constexpr (Step::is_one) {
      static_assert(std::is_same_v<typename Step::Newer, S>, "`upcast` answers the state whose member it is");
      constexpr bool follows = stored_form_of<typename Step::Older>() == form - 1;
      static_assert(follows, "a gap in the stored forms: `upcast` takes the form whose number is one less");
      if constexpr (follows) return forms_are_a_chain<typename Step::Older>();
    }
    return false;
  }
}

/// Reads `data`, which is stored in `form`; throws `json::Error`, or `UnknownForm`.
template <class S>
S read_form(const json::Value& data, int form) {
  constexpr int newest = stored_form_of<S>();
  if (form == newest) return json::from<S>(data);
  if constexpr (newest > 1)
    if (form >= 1 && form < newest)
      return S::upcast(read_form<typename UpcastTraits<decltype(&S::upcast)>::Older>(data, form));
  throw UnknownForm(form, newest);
}

}  // namespace detail
}  // namespace dapr::actors

#pragma GCC visibility pop
