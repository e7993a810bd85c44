internal import CPCRE2
internal import Synchronization

/// A regular expression, compiled once; equal ones were written alike.
struct FilterRegex: Hashable, Sendable {
  let pattern: String
  let ignoresCase: Bool
  let code: RegexCode
  /// Text that is in every match, to look for first; nil if none is known.
  let required: FilterText?

  /// - Throws: `RegexError`, which says where the pattern is wrong.
  init(_ pattern: String, ignoresCase: Bool) throws(RegexError) {
    self.pattern = pattern
    self.ignoresCase = ignoresCase
    code = try RegexCode(pattern, ignoresCase: ignoresCase)
    required = RequiredText.longest(in: pattern, ignoresCase: ignoresCase)
  }

  static func == (left: FilterRegex, right: FilterRegex) -> Bool {
    left.pattern == right.pattern && left.ignoresCase == right.ignoresCase
  }

  func hash(into hasher: inout Hasher) {
    hasher.combine(pattern)
    hasher.combine(ignoresCase)
  }
}

/// What is wrong with a pattern.
struct RegexError: Error, Hashable, Sendable {
  /// In bytes of the pattern.
  let offset: Int
  let reason: String
}

/// A compiled pattern: one form for text that is UTF-8, which is nearly all, and one for other text.
///
/// A pattern is checked when a filter is read, which for a server is between other work; what takes long, the JIT
/// compiler and the second form, waits for the first match.
///
/// The JIT compiler of PCRE2 10.42 misses what `\S`, `\W` and `\D` match beyond ASCII where invalid UTF-8 is allowed
/// (PCRE2_MATCH_INVALID_UTF); its interpreter does not.
///
/// Invariant behind `@unchecked Sendable`: PCRE2 changes a form only while it is compiled: in `init`, or by the thread
/// that prepares, which sets `isPrepared` last.
@safe final class RegexCode: @unchecked Sendable {
  private let code: OpaquePointer
  private let pattern: String
  private let options: UInt32
  /// Interpreted, and passing over bytes that are not UTF-8.
  private var lenientCode: OpaquePointer?
  private let isPrepared = Atomic(false)
  private let preparing = Mutex(())

  init(_ pattern: String, ignoresCase: Bool) throws(RegexError) {
    if pattern.utf8.starts(with: "(*".utf8) {
      throw RegexError(offset: 0, reason: "verbs like (*UTF) are not allowed")
    }
    // Without the last one `.*x` is not looked for behind a byte that is not UTF-8: PCRE2 takes `.*` for an anchor.
    var options = UInt32(PCRE2_UTF) | UInt32(PCRE2_NEVER_BACKSLASH_C) | UInt32(PCRE2_NEVER_UCP)
    options |= UInt32(PCRE2_NO_DOTSTAR_ANCHOR)
    if ignoresCase { options |= UInt32(PCRE2_CASELESS) }
    self.pattern = pattern
    self.options = options
    unsafe code = try Self.compile(pattern, options)
  }

  /// How many groups the pattern has that capture.
  var groupCount: Int {
    var count: UInt32 = 0
    let result = unsafe pcre2_pattern_info_8(code, UInt32(PCRE2_INFO_CAPTURECOUNT), &count)
    precondition(result == 0, "a compiled pattern says how many groups it has")
    return Int(count)
  }

  /// The form for text that is UTF-8, or the other one.
  func form(forUTF8 isUTF8: Bool) -> OpaquePointer {
    if !isPrepared.load(ordering: .acquiring) { prepare() }
    return unsafe isUTF8 ? code : lenientCode ?? code
  }

  private func prepare() {
    preparing.withLock { _ in
      guard !isPrepared.load(ordering: .relaxed) else { return }
      // Without a JIT compiler the interpreter does the work, more slowly.
      _ = unsafe pcre2_jit_compile_8(code, UInt32(PCRE2_JIT_COMPLETE))
      do throws(RegexError) {
        unsafe lenientCode = try Self.compile(pattern, options | UInt32(PCRE2_MATCH_INVALID_UTF))
      } catch {
        preconditionFailure("a pattern that compiles once compiles twice: \(error.reason)")
      }
      isPrepared.store(true, ordering: .releasing)
    }
  }

  private static func compile(_ pattern: String, _ options: UInt32) throws(RegexError) -> OpaquePointer {
    guard let context = unsafe pcre2_compile_context_create_8(nil) else { outOfMemory(0, for: "a regular expression") }
    defer { unsafe pcre2_compile_context_free_8(context) }
    unsafe pcre2_set_newline_8(context, UInt32(PCRE2_NEWLINE_LF))
    unsafe pcre2_set_max_pattern_length_8(context, Limits.filterByteCountMax)
    var number: Int32 = 0
    var offset = 0
    let bytes = Array(pattern.utf8)
    let code = unsafe bytes.withUnsafeBufferPointer {
      unsafe pcre2_compile_8($0.baseAddress, $0.count, options, &number, &offset, context)
    }
    guard let code = unsafe code else { throw RegexError(offset: min(offset, bytes.count), reason: message(number)) }
    return unsafe code
  }

  deinit {
    unsafe pcre2_code_free_8(code)
    if let lenientCode = unsafe lenientCode { unsafe pcre2_code_free_8(lenientCode) }
  }

  private static func message(_ number: Int32) -> String {
    var buffer = [UInt8](repeating: 0, count: 256)
    let count = unsafe buffer.withUnsafeMutableBufferPointer {
      unsafe pcre2_get_error_message_8(number, $0.baseAddress, $0.count)
    }
    return count > 0 ? String(decoding: buffer.prefix(Int(count)), as: UTF8.self) : "it cannot be compiled"
  }
}

/// What one thread needs to match expressions: their limits, and memory that matches share.
@safe struct RegexMatcher: ~Copyable {
  private let context: OpaquePointer
  private let data: OpaquePointer
  private let stack: OpaquePointer

  private static let stackByteCountMin = 32 << 10
  private static let stackByteCountMax = 512 << 10

  /// - Parameters:
  ///   - matchMax: how many steps one search may take.
  ///   - pairCount: how many ranges of a match there is room for: its own, and those of its first groups.
  init(matchMax: Int = Limits.regexMatchMax, pairCount: Int = 1) {
    guard let context = unsafe pcre2_match_context_create_8(nil),
      let data = unsafe pcre2_match_data_create_8(UInt32(pairCount), nil),
      let stack = unsafe pcre2_jit_stack_create_8(Self.stackByteCountMin, Self.stackByteCountMax, nil)
    else { outOfMemory(0, for: "regular expressions") }
    unsafe self.context = context
    unsafe self.data = data
    unsafe self.stack = stack
    unsafe pcre2_set_match_limit_8(context, UInt32(matchMax))
    unsafe pcre2_set_heap_limit_8(context, UInt32(Limits.regexHeapByteCountMax >> 10))
    unsafe pcre2_jit_stack_assign_8(context, nil, UnsafeMutableRawPointer(stack))
  }

  deinit {
    unsafe pcre2_match_data_free_8(data)
    unsafe pcre2_match_context_free_8(context)
    unsafe pcre2_jit_stack_free_8(stack)
  }

  /// Whether the expression matches somewhere in `text`.
  ///
  /// - Throws: `FilterFailure.tooCostly` when that takes more than the limits allow.
  borrowing func matches(_ regex: FilterRegex, _ text: RawSpan) throws(FilterFailure) -> Bool {
    let result = match(regex, text, from: 0, isUTF8: CaseFolding.isUTF8(text))
    if result >= 0 { return true }
    if result == PCRE2_ERROR_NOMATCH { return false }
    throw .tooCostly(regex.pattern)
  }

  /// Where the expression matches first in `text` from `offset` on; nil when it does not, or when to know that takes
  /// more than the limits allow.
  borrowing func first(_ regex: FilterRegex, in text: RawSpan, from offset: Int) -> Range<Int>? {
    guard match(regex, text, from: offset, isUTF8: CaseFolding.isUTF8(text)) >= 0 else { return nil }
    return range(0)
  }

  /// A range of the last match; nil if its group is unset. There is at least one (pcre2api(3)).
  borrowing func range(_ number: Int) -> Range<Int>? {
    guard let pairs = unsafe pcre2_get_ovector_pointer_8(data) else { return nil }
    let (start, end) = unsafe (pairs[2 * number], pairs[2 * number + 1])
    // With \K in a lookaround a match may begin behind its end. PCRE2_UNSET is the highest number, which is -1 here.
    return start >= 0 && start <= end ? start..<end : nil
  }

  /// Searches from `offset` on.
  ///
  /// - Returns: what `pcre2_match` does: how many ranges were set, 0 if there was no room for all of them; below, an
  ///   error.
  borrowing func match(
    _ regex: FilterRegex, _ text: RawSpan, from offset: Int, isUTF8: Bool, mayBeEmpty: Bool = true
  ) -> Int32 {
    var options = mayBeEmpty ? 0 : UInt32(PCRE2_NOTEMPTY)
    if isUTF8 { options |= UInt32(PCRE2_NO_UTF_CHECK) }
    let code = unsafe regex.code.form(forUTF8: isUTF8)
    let result = unsafe match(code, text, from: offset, options: options)
    // The interpreter keeps its state on the heap, which has a limit of its own.
    guard result == PCRE2_ERROR_JIT_STACKLIMIT else { return result }
    return unsafe match(code, text, from: offset, options: options | UInt32(PCRE2_NO_JIT))
  }

  private borrowing func match(_ code: OpaquePointer, _ text: RawSpan, from offset: Int, options: UInt32) -> Int32 {
    unsafe text.withUnsafeBytes { bytes in
      unsafe pcre2_match_8(
        code, bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), bytes.count, offset, options, data, context)
    }
  }
}
