//! The mock back ends keep what callers change.

use hualu_nlu::backend_mock;
use serde_json::{Value, json};
use std::net::SocketAddr;

struct Client {
    base: String,
    http: reqwest::Client,
}

impl Client {
    async fn new() -> Self {
        let at = backend_mock::start(SocketAddr::from(([127, 0, 0, 1], 0))).await.expect("a free port");
        Self { base: format!("http://{at}"), http: reqwest::Client::new() }
    }

    async fn post(&self, path: &str, key: &str, body: Value) -> Result<Value, u16> {
        let request = self.http.post(format!("{}{path}", self.base)).header("content-type", "application/json");
        let request = request.header("idempotency-key", key).body(body.to_string());
        Self::answer(request).await
    }

    async fn get(&self, path: &str) -> Result<Value, u16> {
        Self::answer(self.http.get(format!("{}{path}", self.base))).await
    }

    async fn answer(request: reqwest::RequestBuilder) -> Result<Value, u16> {
        let answer = request.send().await.expect("answers");
        if !answer.status().is_success() {
            return Err(answer.status().as_u16());
        }
        Ok(serde_json::from_slice(&answer.bytes().await.expect("a body")).expect("JSON"))
    }
}

#[tokio::test]
async fn a_visit_is_opened_moved_and_cancelled_once() {
    let oss = Client::new().await;
    let new = json!({"msisdn": "13800138000", "account": "kd00138000", "fault": "los_red", "at": "2026-11-24T15:00"});
    let ticket = oss.post("/oss/visit", "k1", new.clone()).await.expect("opened")["ticket_id"].clone();
    assert_eq!(oss.post("/oss/visit", "k1", new).await.expect("the same")["ticket_id"], ticket);
    let status = format!("/oss/visit?ticket={}", ticket.as_str().expect("a text"));
    let line = oss.get("/oss/access?msisdn=13800138000").await.expect("a line");
    assert_eq!((&line["ticket"], &line["outage"]), (&ticket, &Value::Null));
    let moved = json!({"ticket": ticket, "at": "2026-11-25T09:00"});
    oss.post("/oss/visit/move", "k2", moved).await.expect("moved");
    oss.post("/oss/visit/contact", "k3", json!({"ticket": ticket, "phone": "13900139000"})).await.expect("noted");
    oss.post("/oss/visit/urge", "k4", json!({"ticket": ticket})).await.expect("urged");
    oss.post("/oss/visit/urge", "k4", json!({"ticket": ticket})).await.expect("urged already");
    let found = oss.get(&status).await.expect("a ticket");
    let wanted = json!({"state": "assigned", "at": "2026-11-25T09:00", "contact": "13900139000", "urged": 1});
    assert_eq!(found, wanted);
    oss.post("/oss/visit/cancel", "k5", json!({"ticket": ticket})).await.expect("cancelled");
    oss.post("/oss/visit/cancel", "k5", json!({"ticket": ticket})).await.expect("cancelled already");
    assert_eq!(oss.get(&status).await.expect("a ticket")["state"], "cancelled");
    assert_eq!(oss.post("/oss/visit/urge", "k6", json!({"ticket": ticket})).await, Err(404));
    assert_eq!(oss.get("/oss/visit?ticket=999999").await, Err(404));
}

#[tokio::test]
async fn only_an_offer_of_the_campaign_can_be_ordered() {
    let campaign = Client::new().await;
    let task = campaign.get("/campaign/task?msisdn=13800138000").await.expect("a task");
    let order = json!({"msisdn": "13800138000", "fee": task["fee"], "period": task["period"]});
    let placed = campaign.post("/campaign/order", "k1", order).await.expect("placed");
    assert_eq!(placed["id"].as_str().map(str::len), Some(6));
    let wrong = json!({"msisdn": "13800138000", "fee": 1, "period": 12});
    assert_eq!(campaign.post("/campaign/order", "k2", wrong).await, Err(400));
    let orders = campaign.get("/orders").await.expect("a list");
    assert_eq!((orders.as_array().map(Vec::len), &orders[0]["kind"]), (Some(1), &json!("renewal")));
}
