/// The REST facade of the catalog, and what other services ask of it.
#pragma once

#include <dapr/actors/host.hpp>

#include "actors/shared/library.hpp"
#include "services/common/facade.hpp"
#include "actors/product/components.hpp"
#include "actors/product/pictures.hpp"

namespace shop::product {

/// `components` must outlive the facade.
void add_routes(services::Facade& facade, Components& components);
/// `PUT` and `GET /products/{id}/image`. `pictures` must outlive the facade.
void add_picture_routes(services::Facade& facade, Pictures& pictures);

/// `GET /internal/products/{id}` on the app channel: 200 with the `Listing`, which for a product that never
/// was has version 0. A 404 would be a failure to the circuit breaker of whoever asks: twenty guests with unknown
/// products, and nobody could look one up.
actors::Task<actors::ChannelAnswer> answer_listing(Catalog& catalog, actors::ChannelRequest request);
/// `PUT /internal/reservations/{orderId}` with a `Reserve`: 200 with what became of it (`Reserved`), 400 for a body
/// that is none.
actors::Task<actors::ChannelAnswer> answer_reservation(Stock& stock, actors::ChannelRequest request);
/// `POST /internal/availability` with an `AskAvailability`: 200 with an `Availability`, 400 for a body that is none.
actors::Task<actors::ChannelAnswer> answer_availability(Stock& stock, actors::ChannelRequest request);

}  // namespace shop::product
