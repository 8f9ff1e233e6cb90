//! Upstream providers, as operators see them.

use serde::Serialize;
use utoipa::ToSchema;

use super::federation::ProviderView;
use crate::domain::federation::authority::Authority;
use crate::domain::federation::provider::Provider;
use crate::domain::oauth::redirect_uri::RedirectUri;

/// An upstream provider, as the operator's file describes it, without what proves that this service is its client.
#[derive(Serialize, ToSchema)]
#[schema(as = ManagedProvider)]
pub struct ManagedProviderView {
    /// What users see of it.
    #[serde(flatten)]
    provider: ProviderView,
    /// Its issuer; of a provider with many tenants, the pattern of their issuers.
    #[schema(example = "https://accounts.google.com")]
    issuer: String,
    /// What this service is registered as.
    #[schema(example = "1234.apps.googleusercontent.com")]
    client_id: String,
    /// What apps of the same owner are registered as, whose ID tokens count too.
    native_client_ids: Vec<String>,
    /// What is asked for.
    #[schema(example = json!(["openid", "email", "profile"]))]
    scopes: Vec<String>,
    /// Where the browser of a user may be sent with its answers.
    redirect_uris: Vec<String>,
    /// The domains of the addresses that it is believed for, if it calls them verified; null: all addresses.
    #[schema(required, example = json!(["gmail.com"]))]
    believed_domains: Option<Vec<String>>,
    /// Why the instance that answers does not ask it at the moment; null if it does. A provider that cannot be used is
    /// not asked again for some seconds.
    #[schema(required)]
    fault: Option<String>,
}

impl ManagedProviderView {
    /// Shows a provider, and why it is not asked at the moment.
    pub fn new(provider: &Provider, fault: Option<String>) -> Self {
        Self {
            provider: ProviderView::new(provider),
            issuer: provider.issuer.in_configuration().to_owned(),
            client_id: provider.client_id.clone(),
            native_client_ids: provider.native_client_ids.clone(),
            scopes: provider.scopes.clone(),
            redirect_uris: provider
                .redirect_uris
                .iter()
                .map(RedirectUri::as_str)
                .map(str::to_owned)
                .collect(),
            believed_domains: match &provider.authority {
                Authority::Everything => None,
                Authority::Domains(domains) | Authority::ManagedDomains(domains) => Some(domains.clone()),
            },
            fault,
        }
    }
}

/// The upstream providers.
#[derive(Serialize, ToSchema)]
pub struct ManagedProvidersResponse {
    /// In the order of their ids.
    pub items: Vec<ManagedProviderView>,
}
