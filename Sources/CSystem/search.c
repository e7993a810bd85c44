#define _GNU_SOURCE
#include "system.h"

#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

void logs_lower(unsigned char *copy, const unsigned char *text, unsigned long count) {
  for (unsigned long i = 0; i < count; i++) copy[i] = text[i] | (((unsigned char)(text[i] - 'A') < 26) << 5);
}

long logs_find_byte(const void *text, unsigned long count, unsigned char byte) {
  const char *found = memchr(text, byte, count);
  return found ? found - (const char *)text : -1;
}

#ifdef __SSE2__
/// How common a byte is in logs, roughly: the search looks for the two rarest bytes of the needle first.
static int frequency(unsigned char byte) {
  if (byte >= 'a' && byte <= 'z') return strchr("etaoinsrl", byte) ? 9 : strchr("jqxz", byte) ? 2 : 6;
  if (byte >= '0' && byte <= '9') return byte < '3' ? 8 : 7;
  if (byte == ' ') return 10;
  if (byte >= 'A' && byte <= 'Z') return 3;
  if (byte == '.' || byte == ':' || byte == '/' || byte == '-' || byte == '_' || byte == '=') return 5;
  return byte < 0x80 ? 2 : 1;
}

/// Sixteen places at once: those where the two rarest bytes stand, then a comparison of the whole needle.
static long find_wide(const char *text, unsigned long count, const char *needle, unsigned long needle_count) {
  unsigned long first = 0, second = 1;
  if (frequency(needle[second]) < frequency(needle[first])) first = 1, second = 0;
  for (unsigned long i = 2; i < needle_count; i++) {
    int rank = frequency(needle[i]);
    if (rank < frequency(needle[first])) second = first, first = i;
    else if (rank < frequency(needle[second])) second = i;
  }
  __m128i byte1 = _mm_set1_epi8(needle[first]), byte2 = _mm_set1_epi8(needle[second]);
  unsigned long place_count = count - needle_count + 1, place = 0;
  for (; place + 16 <= place_count; place += 16) {
    __m128i hit1 = _mm_cmpeq_epi8(_mm_loadu_si128((const __m128i *)(text + place + first)), byte1);
    __m128i hit2 = _mm_cmpeq_epi8(_mm_loadu_si128((const __m128i *)(text + place + second)), byte2);
    unsigned mask = _mm_movemask_epi8(_mm_and_si128(hit1, hit2));
    for (; mask; mask &= mask - 1) {
      unsigned long at = place + __builtin_ctz(mask);
      if (memcmp(text + at, needle, needle_count) == 0) return at;
    }
  }
  for (; place < place_count; place++)
    if (text[place + first] == needle[first] && memcmp(text + place, needle, needle_count) == 0) return place;
  return -1;
}
#endif

long logs_find(const void *text, unsigned long count, const void *needle, unsigned long needle_count) {
  if (needle_count > count) return -1;
  if (needle_count == 1) return logs_find_byte(text, count, *(const unsigned char *)needle);
#ifdef __SSE2__
  return find_wide(text, count, needle, needle_count);
#else
  const char *found = memmem(text, count, needle, needle_count);
  return found ? found - (const char *)text : -1;
#endif
}

#ifdef __SSE2__
static unsigned word_bits(const unsigned char *text) {
  __m128i bytes = _mm_loadu_si128((const __m128i *)text);
  // In a range: neither bound changes it.
  __m128i digits = _mm_and_si128(
      _mm_cmpeq_epi8(_mm_max_epu8(bytes, _mm_set1_epi8('0')), bytes),
      _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8('9')), bytes));
  __m128i letters = _mm_and_si128(
      _mm_cmpeq_epi8(_mm_max_epu8(bytes, _mm_set1_epi8('a')), bytes),
      _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8('z')), bytes));
  __m128i underscores = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('_'));
  return _mm_movemask_epi8(_mm_or_si128(_mm_or_si128(digits, letters), underscores));
}
#else
static unsigned word_bits(const unsigned char *text) {
  unsigned bits = 0;
  for (int i = 0; i < 16; i++) {
    unsigned char byte = text[i];
    bits |= (unsigned)(byte - '0' < 10u || byte - 'a' < 26u || byte == '_') << i;
  }
  return bits;
}
#endif

unsigned long logs_words(const unsigned char *text, unsigned long count, unsigned *bounds) {
  unsigned long written = 0;
  unsigned long long before = 0;
  for (unsigned long place = 0; place < count; place += 64) {
    const unsigned char *part = text + place;
    unsigned char tail[64];
    if (count - place < 64) {
      memset(tail, 0, sizeof tail);
      part = memcpy(tail, part, count - place);
    }
    unsigned long long words = word_bits(part) | (unsigned long long)word_bits(part + 16) << 16 |
                               (unsigned long long)word_bits(part + 32) << 32 |
                               (unsigned long long)word_bits(part + 48) << 48;
    // Where a bit differs from the one before, a word begins or ends.
    unsigned long long changes = words ^ (words << 1 | before);
    for (; changes; changes &= changes - 1) bounds[written++] = place + __builtin_ctzll(changes);
    before = words >> 63;
  }
  if (written & 1) bounds[written++] = count;
  return written;
}
