//! Actions over gRPC: `hualu.action.v1.Action/Call`, which a back end implements once for all its methods.

use super::address::CheckedNames;
use super::{ANSWER_BYTES_MAX, authority};
use crate::dialogue::{ActionFault, ActionOutcome, ActionRequest};
use hualu_proto::action::v1::CallRequest;
use hualu_proto::action::v1::action_client::ActionClient;
use reqwest::Url;
use tonic::transport::Endpoint;
use tonic::{Code, Status};

/// Calls the method that the URL's path names (`/crm.Orders/Renew`) at the URL's host, whose addresses are checked and
/// then connected to by number.
pub(super) async fn call(names: &CheckedNames, request: &ActionRequest, url: &Url) -> ActionOutcome {
    let (service, method) = path(url).ok_or(ActionFault::NotAllowed)?;
    let host = url.host_str().ok_or(ActionFault::NotAllowed)?;
    let port = url.port_or_known_default().ok_or(ActionFault::NotAllowed)?;
    let found = names.addresses(host).await.map_err(|_| ActionFault::Unreachable)?;
    let mut address = *found.first().ok_or(ActionFault::Unreachable)?;
    address.set_port(port);
    let origin = format!("http://{}", authority(url).ok_or(ActionFault::NotAllowed)?);
    let endpoint = Endpoint::from_shared(format!("http://{address}")).map_err(|_| ActionFault::NotAllowed)?;
    let endpoint = endpoint.origin(origin.parse().map_err(|_| ActionFault::NotAllowed)?);
    let channel = endpoint.connect().await.map_err(|_| ActionFault::Unreachable)?;
    let mut client = ActionClient::new(channel).max_decoding_message_size(ANSWER_BYTES_MAX);
    let wanted = CallRequest {
        service,
        method,
        arguments_json: request.body.reveal().clone(),
        idempotency_key: request.idempotency.as_ref().map(|key| key.reveal().clone()).unwrap_or_default(),
    };
    let answer = client.call(wanted).await.map_err(|status| fault(&status))?.into_inner();
    if answer.result_json.is_empty() {
        return Ok(serde_json::Value::Null);
    }
    serde_json::from_str(&answer.result_json).map_err(|_| ActionFault::Unreadable)
}

fn path(url: &Url) -> Option<(String, String)> {
    let mut segments = url.path_segments()?.rev();
    let (method, service) = (segments.next()?, segments.next()?);
    (!method.is_empty() && !service.is_empty()).then(|| (service.to_owned(), method.to_owned()))
}

fn fault(status: &Status) -> ActionFault {
    match status.code() {
        Code::Unavailable => ActionFault::Unreachable,
        Code::DeadlineExceeded => ActionFault::Timeout,
        Code::ResourceExhausted => ActionFault::Overloaded,
        Code::OutOfRange | Code::Internal => ActionFault::Unreadable,
        code => ActionFault::Refused(code as i32),
    }
}
