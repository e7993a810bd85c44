import Testing

@testable import LogsServer
@testable import LogsWire

@Suite struct RightsTests {
  private static let streams = ["web", "ci/a", "ci/b", "ci/a/deep"].map { StreamName(stored: $0) }
  private static let own = StreamName(stored: "$audit")

  /// Which of the streams each pattern has.
  private static let patterns: [(String, Set<String>)] = [
    ("web", ["web"]), ("ci/*", ["ci/a", "ci/b"]), ("ci/**", ["ci/a", "ci/b", "ci/a/deep"]),
    ("**", ["web", "ci/a", "ci/b", "ci/a/deep"]), ("none", []), ("$*", ["$audit"]),
  ]

  @Test func `each action with each pattern allows just that, and admin allows all actions`() throws {
    for granted in Rights.Action.allCases {
      for (pattern, names) in Self.patterns {
        let rights = try Rights("\(granted.rawValue):\(pattern)")
        for action in Rights.Action.allCases {
          for stream in Self.streams + [Self.own] {
            let isAllowed = (granted == action || granted == .admin) && names.contains(stream.text)
            #expect(rights.allows(action, stream) == isAllowed, "\(rights.description) \(action) \(stream)")
          }
        }
      }
    }
  }

  @Test func `all allows everything, none nothing`() {
    for action in Rights.Action.allCases {
      for stream in Self.streams + [Self.own] {
        #expect(Rights.all.allows(action, stream))
        #expect(!Rights.none.allows(action, stream))
      }
    }
  }

  @Test func `rights are the same in whatever order they were given, and however often`() throws {
    let rights = try Rights("append:ci/* read:ci/* read:web")
    for text in ["read:web read:ci/* append:ci/*", "read:ci/* append:ci/* read:web,read:ci/*"] {
      let other = try Rights(text)
      #expect(other == rights && other.hashValue == rights.hashValue, "\(text)")
      #expect(other.description != rights.description)
    }
    for text in ["append:ci/* read:ci/*", "append:ci/* read:ci/* read:web delete:web", "append:ci/* read:ci/* read:we"]
    {
      #expect(try Rights(text) != rights, "\(text)")
    }
    #expect(Rights.all != Rights.none && Rights.none == Rights([]) && Rights.all == Rights.all)
  }

  @Test func `two tokens may read the same whatever they allow besides`() throws {
    let same = [
      ("append:a read:b", "read:b"), ("read:a,read:b", "read:b read:a append:c"), ("read:a", "admin:a"),
      ("read:**", "read:** read:ci/*"), ("append:**", "delete:a"), ("read:$* read:**", "admin:** read:$*"),
    ]
    let different = [
      ("read:a", "read:b"), ("read:a", "read:a read:b"), ("read:a", "append:a"), ("read:**", "read:** read:$*"),
      ("read:**", "read:$*"),
    ]
    for (pairs, isSame) in [(same, true), (different, false)] {
      for (left, right) in pairs {
        let (one, other) = (try Rights(left), try Rights(right))
        #expect(one.readsTheSame(as: other) == isSame && other.readsTheSame(as: one) == isSame, "\(left), \(right)")
      }
    }
    let (append, admin) = (try Rights("append:**"), try Rights("admin:**"))
    #expect(Rights.all.readsTheSame(as: .all) && Rights.none.readsTheSame(as: append))
    #expect(!Rights.all.readsTheSame(as: admin))
  }

  @Test(arguments: [("read:**", true), ("admin:**", true), ("append:**", false), ("read:*", false), ("read:$*", false)])
  func `sums are for those who may read everything`(text: String, isAllowed: Bool) throws {
    #expect(try Rights(text).readsAll == isAllowed)
  }

  @Test(arguments: [
    ("", "no right is named"), ("raed:web", "did you mean"), ("read", "write read:**"), ("read:", "must not be empty"),
    ("read:a//b", "empty part"), ("write:web", "write one of append, read, delete, admin"),
  ])
  func `a right that makes no sense says what to write`(text: String, part: String) {
    let error = #expect(throws: SettingError.self) { try Rights(text) }
    #expect(error?.description.contains(part) == true, "\(error?.description ?? "")")
  }

  @Test func `names have their rights, each once`() throws {
    let named = try NamedRights("web: append:web/* read:web/*; db: read:**") { $0 }
    #expect(named.description == "db: read:**; web: append:web/* read:web/*")
    for text in ["web", "web: ", ": read:**", "web: read:a; web: read:b"] {
      #expect(throws: SettingError.self, "\(text)") { try NamedRights(text) { $0 } }
    }
  }
}
