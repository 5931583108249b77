// Files that are imported: NDJSON or CSV by the first byte, in pieces of the size that the second byte says.
//
// Read in pieces or whole, a file says the same; every line is a product without problems, under an id that can be one,
// or a refusal that says why in UTF-8; lines come in their order, and none is longer than what may be kept.
#include <algorithm>
#include <string>
#include <vector>

#include "services/common/problem.hpp"
#include "services/product/import_lines.hpp"
#include "tests/fuzz/require.hpp"
#include "tests/fuzz/well_formed.hpp"

namespace {

using shop::product::ImportLine;

struct Read {
  std::vector<ImportLine> lines;
  std::string refused;  ///< the whole file
};

Read read(std::string_view text, bool csv, bool whole, std::size_t piece) {
  const auto reader = csv ? shop::product::read_csv() : shop::product::read_ndjson();
  Read result;
  const auto take = [&] {
    while (auto line = reader->next()) result.lines.push_back(*std::move(line));
  };
  try {
    for (; !text.empty(); text.remove_prefix(std::min(piece, text.size()))) {
      reader->put(text.substr(0, piece));
      take();
    }
    reader->finish(whole);
    take();
    fuzz::require(reader->is_ready(), "a file that was read had its header");
  } catch (const shop::services::ProblemError& error) {
    result.refused = error.problem().detail;
    fuzz::require(csv && result.lines.empty() && error.problem().status == 400,
                  "only a CSV header refuses a file, before anything is done", result.refused);
    fuzz::require_problem(error.problem().to_json(), 400);
  }
  return result;
}

std::string said(const ImportLine& line) {
  auto text = std::to_string(line.number) + " " + line.id.value_or("-");
  for (const auto& problem : line.problems) text += "\n" + problem.pointer + ": " + problem.detail;
  if (line.product) text += actors::json::to_string(*line.product);
  return text;
}

}  // namespace

void fuzz::run(std::string_view input) {
  if (input.size() < 2) return;
  const bool csv = input[0] & 1, whole = input[0] & 2;
  const auto piece = static_cast<std::size_t>(static_cast<unsigned char>(input[1])) + 1;
  const auto file = input.substr(2);
  const auto at_once = read(file, csv, whole, std::max<std::size_t>(file.size(), 1));
  const auto in_pieces = read(file, csv, whole, piece);
  require(at_once.refused == in_pieces.refused, "pieces do not matter to a header", at_once.refused);
  require(at_once.lines.size() == in_pieces.lines.size(), "pieces do not matter to the number of lines");
  std::size_t last = 0;
  for (std::size_t i = 0; i < at_once.lines.size(); ++i) {
    const auto& line = at_once.lines[i];
    require(said(line) == said(in_pieces.lines[i]), "pieces do not matter to a line", said(line));
    require(line.number > last, "lines come in their order", said(line));
    last = line.number;
    require(line.product.has_value() == line.problems.empty(), "a line is a product or says why not", said(line));
    require(!line.id || shop::is_id(*line.id), "an id is one", said(line));
    for (const auto& problem : line.problems)
      require(is_text(problem.pointer) && is_text(problem.detail), "a reason is text");
    if (!line.product) continue;
    require(line.product->id && line.product->id->value == line.id, "a product has the id that is answered");
    require(problems_of(*line.product).empty(), "a product has no problems", said(line));
  }
}
