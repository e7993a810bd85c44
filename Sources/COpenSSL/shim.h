// OpenSSL 3, with its macros as functions, and the callbacks that it wants in C.

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <string.h>

// Nobody is asked for the passphrase of a key: it is an error.
static inline int logs_tls_no_passphrase(char *buffer, int size, int is_writing, void *argument) {
  (void)buffer, (void)size, (void)is_writing, (void)argument;
  return -1;
}

// What both sides of all connections have in common: TLS 1.2 or 1.3, modern ciphers, no renegotiation, no compression.
static inline int logs_tls_harden(SSL_CTX *context) {
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE |
                                   SSL_OP_IGNORE_UNEXPECTED_EOF);
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_default_passwd_cb(context, logs_tls_no_passphrase);
  SSL_CTX_set_read_ahead(context, 1);
  SSL_CTX_set_default_read_buffer_len(context, 64 << 10);
  return SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) &&
         SSL_CTX_set_cipher_list(context, "ECDHE+AESGCM:ECDHE+CHACHA20:!aNULL") &&
         // The first is the fastest.
         SSL_CTX_set_ciphersuites(context, "TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256:"
                                           "TLS_AES_256_GCM_SHA384");
}

// Names of protocols for ALPN, with their lengths before them.
static const unsigned char logs_tls_protocol[] = {6, 'l', 'o', 'g', 's', '/', '1'};
static const unsigned char logs_tls_http[] = {2, 'h', '2', 8, 'h', 't', 't', 'p', '/', '1', '.', '1'};

// Takes the first of the context's protocols that the client offers, else refuses the handshake.
static inline int logs_tls_select(SSL *ssl, const unsigned char **out, unsigned char *out_length,
                                  const unsigned char *in, unsigned int in_length, void *argument) {
  (void)ssl;
  const unsigned char *protocols = argument;
  unsigned int length = protocols == logs_tls_http ? sizeof logs_tls_http : sizeof logs_tls_protocol;
  unsigned char *selected = NULL;
  if (SSL_select_next_proto(&selected, out_length, protocols, length, in, in_length) != OPENSSL_NPN_NEGOTIATED)
    return SSL_TLSEXT_ERR_ALERT_FATAL;
  *out = selected;
  return SSL_TLSEXT_ERR_OK;
}

static inline void logs_tls_serve_protocol(SSL_CTX *context, int is_http) {
  SSL_CTX_set_alpn_select_cb(context, logs_tls_select, (void *)(is_http ? logs_tls_http : logs_tls_protocol));
}

// Returns whether it worked.
static inline int logs_tls_offer_http(SSL *ssl) {
  // The last of the list, without HTTP/2: a WebSocket begins over HTTP/1.1.
  return SSL_set_alpn_protos(ssl, logs_tls_http + 3, sizeof logs_tls_http - 3) == 0;
}

// Returns whether it worked.
static inline int logs_tls_offer_protocol(SSL_CTX *context) {
  return SSL_CTX_set_alpn_protos(context, logs_tls_protocol, sizeof logs_tls_protocol) == 0;
}

// What was wrong with the certificate that ended a handshake.
struct logs_tls_rejection {
  int error;
  char subject[256];
  char issuer[256];
  char not_before[32];
  char not_after[32];
  // The names that it is for.
  char names[512];
};

static inline void logs_tls_print(char *text, size_t size, const X509_NAME *name) {
  BIO *bio = BIO_new(BIO_s_mem());
  if (bio == NULL) return;
  X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB);
  int length = BIO_read(bio, text, (int)size - 1);
  text[length < 0 ? 0 : length] = 0;
  BIO_free(bio);
}

// As 2026-11-28 10:00:00Z.
static inline void logs_tls_print_time(char *text, size_t size, const ASN1_TIME *time) {
  struct tm parts;
  text[0] = 0;
  if (ASN1_TIME_to_tm(time, &parts)) strftime(text, size, "%Y-%m-%d %H:%M:%SZ", &parts);
}

static inline void logs_tls_print_names(char *text, size_t size, X509 *certificate) {
  text[0] = 0;
  GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
  size_t length = 0;
  for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
    const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
    char part[128] = "";
    if (name->type == GEN_DNS) {
      snprintf(part, sizeof part, "%.*s", ASN1_STRING_length(name->d.dNSName),
               (const char *)ASN1_STRING_get0_data(name->d.dNSName));
    } else if (name->type == GEN_IPADD) {
      const unsigned char *bytes = ASN1_STRING_get0_data(name->d.iPAddress);
      if (ASN1_STRING_length(name->d.iPAddress) == 4)
        snprintf(part, sizeof part, "%d.%d.%d.%d", bytes[0], bytes[1], bytes[2], bytes[3]);
      else
        snprintf(part, sizeof part, "an IPv6 address");
    } else {
      continue;
    }
    size_t needed = strlen(part) + 2;
    if (length + needed >= size) break;
    length += (size_t)snprintf(text + length, size - length, "%s%s", length == 0 ? "" : ", ", part);
  }
  GENERAL_NAMES_free(names);
}

// Keeps what is wrong with the certificate, for the error that the handshake ends with.
static inline int logs_tls_verified(int is_valid, X509_STORE_CTX *store) {
  if (is_valid) return 1;
  SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
  struct logs_tls_rejection *rejection = ssl == NULL ? NULL : SSL_get_app_data(ssl);
  X509 *certificate = X509_STORE_CTX_get_current_cert(store);
  if (rejection == NULL || rejection->error != 0) return 0;
  rejection->error = X509_STORE_CTX_get_error(store);
  if (certificate == NULL) return 0;
  logs_tls_print(rejection->subject, sizeof rejection->subject, X509_get_subject_name(certificate));
  logs_tls_print(rejection->issuer, sizeof rejection->issuer, X509_get_issuer_name(certificate));
  logs_tls_print_time(rejection->not_before, sizeof rejection->not_before, X509_get0_notBefore(certificate));
  logs_tls_print_time(rejection->not_after, sizeof rejection->not_after, X509_get0_notAfter(certificate));
  logs_tls_print_names(rejection->names, sizeof rejection->names, certificate);
  return 0;
}

static inline void logs_tls_verify(SSL_CTX *context, int mode) { SSL_CTX_set_verify(context, mode, logs_tls_verified); }

static inline void logs_tls_set_rejection(SSL *ssl, struct logs_tls_rejection *rejection) {
  SSL_set_app_data(ssl, rejection);
}

// The name of the peer's certificate, whose memory the caller frees with logs_tls_free; NULL if it has none.
static inline char *logs_tls_peer(SSL *ssl) {
  X509 *certificate = SSL_get1_peer_certificate(ssl);
  if (certificate == NULL) return NULL;
  char *text = OPENSSL_zalloc(256);
  if (text != NULL)
    X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, text, 256);
  X509_free(certificate);
  return text;
}

static inline void logs_tls_free(void *memory) { OPENSSL_free(memory); }

// The name that the client asks for, which decides about nothing but which certificate it expects.
static inline int logs_tls_set_server_name(SSL *ssl, const char *name) { return SSL_set_tlsext_host_name(ssl, name); }

static inline void logs_tls_keep_no_sessions(SSL_CTX *context) {
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
}

static inline unsigned long logs_tls_library(unsigned long error) { return (unsigned long)ERR_GET_LIB(error); }
static inline unsigned long logs_tls_reason(unsigned long error) { return (unsigned long)ERR_GET_REASON(error); }
