/* SPDX-License-Identifier: MIT */
/* tls.c - over OpenSSL. See tls.h. */
#include "tls.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "support.h"

struct authority { X509 *certificate; EVP_PKEY *key; };

#define MUST(call) CHECK(call, "%s", ERR_error_string(ERR_peek_last_error(), NULL))

/* -- certificates ----------------------------------------------------------- */

static void
extend(X509 *certificate, int nid, const char *value)
{
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, nid, value);

	MUST(extension && X509_add_ext(certificate, extension, -1));
	X509_EXTENSION_free(extension);
}

static X509 *
begin_certificate(EVP_PKEY *key, const char *name, long begin, long end)
{
	static long serial;
	X509 *certificate = X509_new();

	MUST(certificate && X509_set_version(certificate, 2));
	MUST(ASN1_INTEGER_set(X509_get_serialNumber(certificate), ++serial));
	MUST(X509_gmtime_adj(X509_getm_notBefore(certificate), begin));
	MUST(X509_gmtime_adj(X509_getm_notAfter(certificate), end));
	MUST(X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_UTF8,
	                                (const unsigned char *)name, -1, -1, 0));
	MUST(X509_set_pubkey(certificate, key));
	return certificate;
}

static void
end_certificate(X509 *certificate, X509 *issuer, EVP_PKEY *issuer_key)
{
	MUST(X509_set_issuer_name(certificate, X509_get_subject_name(issuer)));
	MUST(X509_sign(certificate, issuer_key, EVP_sha256()));
}

static struct authority
make_authority(const char *name)
{
	struct authority made = { .key = EVP_EC_gen("P-256") };

	MUST(made.key);
	made.certificate = begin_certificate(made.key, name, -3600, 86400);
	extend(made.certificate, NID_basic_constraints, "critical,CA:TRUE");
	end_certificate(made.certificate, made.certificate, made.key);
	return made;
}

static const struct authority *
authority(bool good)
{
	static struct authority made[2];

	if (!made[good].key)
		made[good] = make_authority(good ? "weir test" : "another test");
	return &made[good];
}

const char *
tls_authority(void)
{
	static char text[4096];
	BIO *bio = BIO_new(BIO_s_mem());

	MUST(bio && PEM_write_bio_X509(bio, authority(true)->certificate));
	MUST(BIO_read(bio, text, sizeof text - 1) > 0);
	BIO_free(bio);
	return text;
}

static SSL_CTX *
make_context(enum tls_fault fault)
{
	EVP_PKEY *key = fault == TLS_WEAK_KEY ? EVP_RSA_gen(1024) : EVP_EC_gen("P-256");
	const struct authority *issuer = authority(fault != TLS_OTHER_AUTHORITY);
	SSL_CTX *context = SSL_CTX_new(TLS_server_method());
	X509 *certificate;

	MUST(key && context);
	certificate = begin_certificate(key, fault == TLS_ODD_NAME ? "odd\033[31m\nname" : "localhost",
	                                fault == TLS_NOT_YET ? 3600 : -7200,
	                                fault == TLS_EXPIRED ? -3600 : 86400);
	if (fault != TLS_ODD_NAME)
		extend(certificate, NID_subject_alt_name, fault == TLS_OTHER_NAME ?
		       "DNS:example.com,DNS:*.localhost" : "DNS:localhost,IP:127.0.0.1");
	if (fault == TLS_SELF_SIGNED)
		end_certificate(certificate, certificate, key);
	else
		end_certificate(certificate, issuer->certificate, issuer->key);
	SSL_CTX_set_security_level(context, 0);
	MUST(SSL_CTX_set_min_proto_version(context, TLS1_VERSION));
	if (fault == TLS_OLD || fault == TLS_NOT_NEW)
		MUST(SSL_CTX_set_max_proto_version(context,
		                                   fault == TLS_OLD ? TLS1_1_VERSION : TLS1_2_VERSION));
	MUST(SSL_CTX_use_certificate(context, certificate) && SSL_CTX_use_PrivateKey(context, key));
	X509_free(certificate);
	EVP_PKEY_free(key);
	return context;
}

/* -- connections ------------------------------------------------------------ */

/* In the connection's own thread, which takes no SIGPIPE when OpenSSL writes to one that has gone. */
static void *
wire_open(void *context, int fd)
{
	const struct timeval patience = { 20, 0 };
	SSL *ssl = SSL_new(context);
	sigset_t pipe;

	MUST(ssl && SSL_set_fd(ssl, fd));
	sigemptyset(&pipe);
	sigaddset(&pipe, SIGPIPE);
	pthread_sigmask(SIG_BLOCK, &pipe, NULL);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
	if (SSL_accept(ssl) == 1)
		return ssl;
	SSL_free(ssl);
	return NULL;
}

static long
wire_read(void *wire, void *bytes, size_t size)
{
	return SSL_read(wire, bytes, (int)size);
}

static long
wire_write(void *wire, const void *bytes, size_t size)
{
	return SSL_write(wire, bytes, (int)size);
}

static void
wire_close(void *wire)
{
	SSL_free(wire);
}

const struct receiver_wire *
tls_wire(enum tls_fault fault)
{
	static struct receiver_wire wires[TLS_FAULT_COUNT];

	if (!wires[fault].open)
		wires[fault] = (struct receiver_wire){ wire_open, wire_read, wire_write, wire_close,
		                                       make_context(fault) };
	return &wires[fault];
}
