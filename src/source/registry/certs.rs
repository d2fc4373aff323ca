//! Whom to trust: the system's CAs or `SSL_CERT_FILE`/`SSL_CERT_DIR`, and `certs.d` for one host (containers-certs.d(5)).

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

use super::conf::{broken, read};
use super::environment::Environment;
use super::error::RegistryError;

/// How far the other side must prove who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Trust {
    /// No TLS will be spoken.
    Plain,
    /// Any certificate will do (`insecure` of registries.conf).
    Any,
    /// A certificate that the CAs confirm.
    Verified,
}

/// TLS settings for a host, which has a port in its name if it is not the usual one.
pub(super) fn client_config(
    host: &str,
    trust: Trust,
    environment: &Environment,
) -> Result<ClientConfig, RegistryError> {
    let folder = Folder::of(host, environment)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier: Arc<dyn ServerCertVerifier> = match trust {
        Trust::Plain | Trust::Any => Arc::new(Anyone(provider.clone())),
        Trust::Verified => Arc::new(Verifier::new(host, folder.roots, provider.clone(), environment)?),
    };
    let start = |reason: Error| RegistryError::Start { reason: reason.to_string() };
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().map_err(start)?;
    let builder = builder.dangerous().with_custom_certificate_verifier(verifier);
    let Some((chain, key, file)) = folder.identity else { return Ok(builder.with_no_client_auth()) };
    builder.with_client_auth_cert(chain, key).map_err(|error| broken(&file, error.to_string()))
}

/// Whether someone put certificates for this host on the machine: then it speaks TLS.
pub(super) fn has_folder(host: &str, environment: &Environment) -> bool {
    folders(host, environment).iter().any(|folder| folder.is_dir())
}

/// `certs.d` of each kind, the person's own first.
fn folders(host: &str, environment: &Environment) -> Vec<PathBuf> {
    let own = environment.home(".config/containers/certs.d");
    let system = ["containers/certs.d", "docker/certs.d"].map(|dir| environment.etc().join(dir));
    own.into_iter().chain(system).map(|dir| dir.join(host)).collect()
}

/// What the first `certs.d` folder of a host holds.
#[derive(Default)]
struct Folder {
    roots: Vec<CertificateDer<'static>>,
    identity: Option<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>, PathBuf)>,
}

impl Folder {
    fn of(host: &str, environment: &Environment) -> Result<Self, RegistryError> {
        let mut out = Self::default();
        let Some(dir) = folders(host, environment).into_iter().find(|dir| dir.is_dir()) else { return Ok(out) };
        let entries = std::fs::read_dir(&dir).map_err(|error| broken(&dir, error.to_string()))?;
        let mut files: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
        files.sort();
        for file in files {
            match file.extension().and_then(|extension| extension.to_str()) {
                Some("crt") => out.roots.extend(certificates(&file)?),
                Some("cert") if out.identity.is_none() => out.identity = Some(identity(&file)?),
                _ => {}
            }
        }
        Ok(out)
    }
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, RegistryError> {
    let text = read(file)?.unwrap_or_default();
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text.as_bytes()).collect();
    match all {
        Ok(all) if all.is_empty() => Err(broken(file, "it holds no certificate in PEM form".into())),
        Ok(all) => Ok(all),
        Err(error) => Err(broken(file, error.to_string())),
    }
}

/// A client certificate and the `.key` beside it.
fn identity(file: &Path) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>, PathBuf), RegistryError> {
    let key_file = file.with_extension("key");
    let text = read(&key_file)?.ok_or_else(|| broken(file, "its .key is missing".into()))?;
    let key = PrivateKeyDer::from_pem_slice(text.as_bytes()).map_err(|error| broken(&key_file, error.to_string()))?;
    Ok((certificates(file)?, key, file.to_owned()))
}

/// The usual check, and one thing more: a certificate that is itself among the trusted ones is taken though it calls
/// itself a CA. `openssl req -x509` makes such, and Docker's manual tells people to.
#[derive(Debug)]
struct Verifier {
    usual: Arc<WebPkiServerVerifier>,
    own: Vec<CertificateDer<'static>>,
}

impl Verifier {
    fn new(
        host: &str,
        own: Vec<CertificateDer<'static>>,
        provider: Arc<CryptoProvider>,
        environment: &Environment,
    ) -> Result<Self, RegistryError> {
        let (file, dir) = (environment.path("SSL_CERT_FILE"), environment.path("SSL_CERT_DIR"));
        let named = file.is_some() || dir.is_some();
        let system = match named {
            true => rustls_native_certs::load_certs_from_paths(file.as_deref(), dir.as_deref()),
            false => rustls_native_certs::load_native_certs(),
        };
        let own = if named { [own, system.certs.clone()].concat() } else { own };
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(own.iter().cloned());
        roots.add_parsable_certificates(system.certs);
        let start = |reason: String| RegistryError::Start { reason };
        if roots.is_empty() {
            let why: Vec<_> = system.errors.iter().map(|error| format!(" ({error})")).take(1).collect();
            return Err(start(format!(
                "no CA certificate to check {host} with: install ca-certificates or set SSL_CERT_FILE{}",
                why.concat()
            )));
        }
        let usual = WebPkiServerVerifier::builder_with_provider(roots.into(), provider).build();
        Ok(Self { usual: usual.map_err(|error| start(error.to_string()))?, own })
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let usual = self.usual.verify_server_cert(end_entity, intermediates, name, ocsp, now);
        match usual {
            // What is left in `Other` is webpki's refusal of a CA's certificate for a server.
            Err(Error::InvalidCertificate(CertificateError::Other(_)))
                if self.own.iter().any(|own| own == end_entity) =>
            {
                rustls::client::verify_server_name(&ParsedCertificate::try_from(end_entity)?, name)?;
                Ok(ServerCertVerified::assertion())
            }
            other => other,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.usual.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.usual.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.usual.supported_verify_schemes()
    }
}

/// Takes every certificate. Only for hosts that `registries.conf` calls insecure.
#[derive(Debug)]
struct Anyone(Arc<CryptoProvider>);

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        rustls::crypto::verify_tls12_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        rustls::crypto::verify_tls13_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
