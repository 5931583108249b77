#include "services/common/problem.hpp"
#include "services/product/refused.hpp"
#include "services/product/routes.hpp"

namespace shop::product {

using actors::Task;
using services::Access;
using services::ProblemError;
using services::Request;
using services::Response;

namespace {

std::string listed_types() {
  std::string list;
  for (const auto& type : picture_types) list += (list.empty() ? "" : ", ") + std::string(type);
  return list;
}

/// `If-Match` of the picture that is there (RFC 9110, section 13.1.1); `*` is any, so there must be one.
PictureCondition picture_condition_of(const Request& request) {
  auto tags = request.header("If-Match");
  if (!tags) return {};
  return [tags = *std::move(tags)](std::optional<std::int64_t> version) {
    return version && services::etag_listed(tags, services::etag(*version), false);
  };
}

Task<Response> put_picture(Pictures& pictures, Request request) {
  const ProductId id(request.id("id"));
  Picture picture{request.media_type(), request.body()};
  if (!is_picture_type(picture.type)) throw ProblemError(415, "", "A picture must be one of " + listed_types() + ".");
  if (const auto problem = problem_of(picture)) throw ProblemError(services::problem_of(*problem));
  auto condition = picture_condition_of(request);
  auto set = co_await pictures.set_picture(id, std::move(picture), std::move(condition), request.origin().trace,
                                           request.origin().id);
  const auto version = value(std::move(set));
  co_return Response::no_content().header("ETag", services::etag(version));
}

/// Opened by itself it is a document of the shop's origin: it may then do nothing but show itself, whatever the check
/// of its content overlooked.
Response&& protect(Response&& response) {
  return std::move(response)
      .header("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; sandbox")
      .header("X-Content-Type-Options", "nosniff");
}

Task<Response> get_picture(Pictures& pictures, Request request) {
  const ProductId id(request.id("id"));
  auto stored = co_await pictures.picture(id);
  if (!stored) throw ProblemError(404, "no_picture", "There is no product " + id.value + " that has a picture.");
  const auto tag = services::etag(stored->version);
  const bool named = request.query("v") == std::to_string(stored->version);
  const std::string caching = named ? "public, max-age=31536000, immutable" : "no-cache";
  const auto known = request.header("If-None-Match");
  if (known && services::etag_listed(*known, tag, true))
    co_return protect(Response::not_modified(tag).header("Cache-Control", caching));
  Response response{200, std::move(stored->picture.bytes), std::move(stored->picture.type)};
  co_return protect(std::move(response).header("ETag", tag).header("Cache-Control", caching));
}

}  // namespace

void add_picture_routes(services::Facade& facade, Pictures& pictures) {
  facade.put("/products/{id}/image", Access::Admin,
             [&pictures](Request request) { return put_picture(pictures, std::move(request)); });
  facade.get("/products/{id}/image",
             [&pictures](Request request) { return get_picture(pictures, std::move(request)); });
}

}  // namespace shop::product
