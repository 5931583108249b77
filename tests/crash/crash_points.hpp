/// A service that can be told to die at a point (dapr/actors/testing/effect_points.hpp). Only test executables link
/// this; what they run is the service's own library.
///
/// It works on the folder that CRASH_FOLDER names, one a service:
///
/// | file | |
/// |---|---|
/// | `effects` | a line for each effect it had: the name, a tab, whom it concerns |
/// | `armed` | written by the test: moment, number and name of an effect, a tab between them |
/// | `fired` | what `armed` is called once its point was reached, an instant before the process ends |
///
/// The moment is `before`, `after`, or `drain`: told to end (SIGTERM) right before the effect, it dies with the effect
/// done and the rest of the draining not. CRASH_SPEED and CRASH_EPOCH (ms) make its actors' time pass that much faster
/// than real time.
#pragma once

#include "services/common/service.hpp"

namespace shop::crash {

/// `run` is a service's; answers what it answers.
int run_with_points(int (*run)(services::Substitutes));

}  // namespace shop::crash
