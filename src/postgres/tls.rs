//! How whoever answers is checked, by the rules of libpq's `sslmode`.

use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::address::{Address, TlsMode};

/// What makes the encrypted way to a server.
///
/// # Errors
/// The certificates to trust cannot be read, or there are none.
pub(super) fn connector(address: &Address) -> Result<MakeRustlsConnect, String> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    let check = Check::of(address)?;
    let verifier = Verifier { check, provider };
    Ok(MakeRustlsConnect::new(
        builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier)).with_no_client_auth(),
    ))
}

#[derive(Debug)]
struct Verifier {
    check: Check,
    provider: Arc<CryptoProvider>,
}

/// What is asked of a server's certificate.
#[derive(Debug)]
enum Check {
    /// Nothing, as libpq does where it was not told whom to trust.
    Nothing,
    /// That somebody trusted has signed it.
    Signature(Arc<WebPkiServerVerifier>),
    /// The same, and that it is made out for the host.
    Everything(Arc<WebPkiServerVerifier>),
}

impl Check {
    fn of(address: &Address) -> Result<Self, String> {
        let is_told = address.root_certificates.is_some();
        match address.tls {
            TlsMode::Disable | TlsMode::Prefer => Ok(Self::Nothing),
            // "For backwards compatibility … if a root CA file exists, the behavior of sslmode=require is that of verify-ca."
            TlsMode::Require if !is_told => Ok(Self::Nothing),
            TlsMode::Require | TlsMode::VerifyCa => Ok(Self::Signature(trusted(address)?)),
            TlsMode::VerifyFull => Ok(Self::Everything(trusted(address)?)),
        }
    }
}

fn trusted(address: &Address) -> Result<Arc<WebPkiServerVerifier>, String> {
    let mut roots = RootCertStore::empty();
    match &address.root_certificates {
        Some(path) => {
            let unreadable = |error: &dyn std::fmt::Display| format!("cannot read `{}`: {error}", path.display());
            for certificate in CertificateDer::pem_file_iter(path).map_err(|error| unreadable(&error))? {
                let certificate = certificate.map_err(|error| unreadable(&error))?;
                roots.add(certificate).map_err(|error| unreadable(&error))?;
            }
        }
        None => {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    let provider = Arc::new(ring::default_provider());
    let built = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build();
    built.map_err(|error| format!("no certificate is there to check the server's by ({error})"))
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        match &self.check {
            Check::Nothing => Ok(ServerCertVerified::assertion()),
            Check::Everything(webpki) => {
                webpki.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
            }
            // The name is looked at last, when all the rest is found to be right.
            Check::Signature(webpki) => {
                match webpki.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now) {
                    Err(Error::InvalidCertificate(
                        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
                    )) => Ok(ServerCertVerified::assertion()),
                    other => other,
                }
            }
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
