import Testing

@testable import LogsCLI

/// What is suggested for names and patterns that no stream has, and flags where they are text.
@Suite struct NearbyNamesTests {
  private static let existing = ["ci/build-17", "docker/api", "docker/nginx", "web"]

  @Test(arguments: [
    ("wbe", "web"), ("WEB", "web"), ("nginx", "docker/nginx"), ("docker/ngnix", "docker/nginx"),
    ("dokcer/*", "docker/*"),
    ("docker*", "docker**"), ("*nginx", "**nginx"), ("web/*", "web"), ("web/**", "web"),
    ("wbe*", "web*"), ("ci/bulid-*", "ci/build-*"), ("dcoker/**", "docker/**"),
  ])
  func `a name or pattern that is near is found`(word: String, meant: String) {
    #expect(NearbyNames.nearest(to: word, among: Self.existing) == meant)
  }

  @Test(arguments: ["nothing", "nosuch/*", "*/x", "a/b/c/*", "xyz**", "?", "web/a"])
  func `what is near to none is not answered`(word: String) {
    #expect(NearbyNames.nearest(to: word, among: Self.existing) == nil)
    #expect(NearbyNames.nearest(to: word, among: []) == nil)
  }

  @Test(arguments: [
    (["timeout", "-n", "5"], "'-n'", "logs query web -n 5 -- timeout", false),
    (["-n5", "timeout"], "'-n5'", "logs query web -n5 -- timeout", false),
    (["timeout", "--since", "1h"], "'--since'", "logs query web --since 1h -- timeout", true),
    (["a b", "--limit=5", "-r"], "'--limit=5'", "logs query web --limit=5 -r -- 'a b'", true),
    (["--server", "x"], "'--server'", "logs query web --server x", true), (["-i"], "'-i'", "logs query web -i", false),
  ])
  func `flags behind -- are seen`(words: [String], first: String, line: String, isRefused: Bool) throws {
    let flags = try #require(MisplacedFlags(in: words, of: "query"))
    #expect(flags.sentence(["web"]).hasPrefix(first) && flags.sentence(["web"]).hasSuffix(line))
    #expect(flags.areRefused == isRefused)
  }

  @Test(arguments: [
    "-debug", "-5", "-", "timeout", "-node", "--", "--nothing", "\"--since\"", "a -n", "-status:5", "-X",
  ])
  func `terms behind -- are no flags`(word: String) { #expect(MisplacedFlags(in: [word], of: "query") == nil) }
}
