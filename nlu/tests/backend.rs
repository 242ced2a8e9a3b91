//! The mock back ends keep what callers change.

use hualu_core::Pii;
use hualu_core::dialogue::CallEvent;
use hualu_nlu::action::ActionRunner;
use hualu_nlu::bot::Bot;
use hualu_nlu::dialogue::ActionRequest;
use hualu_nlu::script::{Mocks, TextChat};
use hualu_nlu::utterance::Pronouncer;
use hualu_nlu::{Assistant, backend_mock, script};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tokio::runtime::Handle;

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

#[tokio::test]
async fn a_lost_number_is_lost_until_it_is_resumed_and_its_points_are_spent_once() {
    let crm = Client::new().await;
    let state = async || crm.get("/crm/number?msisdn=13800138000").await.expect("a number")["state"].clone();
    let number = json!({"msisdn": "13800138000"});
    crm.post("/crm/number/lost", "k1", number.clone()).await.expect("lost");
    assert_eq!(state().await, "lost");
    crm.post("/crm/number/resume", "k2", number).await.expect("resumed");
    assert_eq!(state().await, "active");
    let wrong = json!({"msisdn": "13800138000", "password": "000000"});
    assert_eq!(crm.post("/crm/password/check", "", wrong).await.expect("checked")["matches"], false);
    let gift = json!({"msisdn": "13800138000", "gift": "十元话费"});
    assert_eq!(crm.post("/crm/points/redeem", "k3", gift.clone()).await.expect("redeemed")["left"], 1_350);
    assert_eq!(crm.post("/crm/points/redeem", "k3", gift).await.expect("the same")["left"], 1_350);
    let large = json!({"msisdn": "13800138000", "gift": "三十元话费"});
    assert_eq!(crm.post("/crm/points/redeem", "k4", large).await, Err(409));
}

#[tokio::test]
async fn a_complaint_can_be_followed_by_its_caller_alone() {
    let crm = Client::new().await;
    let new = json!({"msisdn": "13800138000", "subject": "上门师傅"});
    let id = crm.post("/crm/complaint", "k1", new).await.expect("filed")["ticket_id"].clone();
    let case = crm.get("/crm/ticket?msisdn=13800138000").await.expect("a case");
    assert_eq!(case["ticket"]["id"], id);
    assert_eq!(crm.get("/crm/ticket?msisdn=13900139000").await.expect("no case")["ticket"], Value::Null);
    let strange = json!({"msisdn": "13900139000", "id": id});
    assert_eq!(crm.post("/crm/ticket/urge", "k2", strange).await, Err(404));
}

/// Every request that the hotline's scripts lead to has an answer in the mock.
#[tokio::test(flavor = "multi_thread")]
async fn the_mock_answers_all_that_the_hotline_asks() {
    let at = backend_mock::start(SocketAddr::from(([127, 0, 0, 1], 0))).await.expect("a free port");
    let dir = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../bots/hotline_10086");
    let bot = Bot::load(&dir).unwrap_or_else(|faults| panic!("{faults}"));
    let addresses = backend_mock::addresses(at);
    let runner = ActionRunner::new(&addresses, &[], 4).expect("addresses");
    let assistant =
        Assistant::new(bot, Pronouncer::default(), None, &addresses).expect("every back end has an address");
    let assistant = Arc::new(assistant);
    let (asked, refused) = (Arc::new(Mutex::new(BTreeSet::new())), Arc::new(Mutex::new(BTreeSet::new())));
    let now = "2026-11-22T02:00:00Z".parse().expect("a time");
    for (number, script) in script::load(&dir).expect("scripts").iter().flat_map(|file| &file.scripts).enumerate() {
        let (asked, refused, runner) = (Arc::clone(&asked), Arc::clone(&refused), runner.clone());
        let back_end = move |request: &ActionRequest| {
            asked.lock().expect("no panic").insert(request.action.clone());
            // Each script is a call of its own.
            let key = request.idempotency.as_ref().map(|key| Pii::new(format!("{number} {}", key.reveal())));
            let request = ActionRequest { idempotency: key, ..request.clone() };
            let answer = tokio::task::block_in_place(|| Handle::current().block_on(runner.run(&request)));
            if let Err(fault) = &answer {
                refused.lock().expect("no panic").insert(format!("{}: {fault}", request.action));
            }
            answer
        };
        let mut chat = TextChat::new(Arc::clone(&assistant), now, &Mocks::new()).with_back_end(Box::new(back_end));
        chat.start();
        for turn in &script.value.turns {
            match (&turn.value.say, &turn.value.keys) {
                (Some(text), _) => drop(chat.say(text)),
                (None, Some(keys)) => drop(chat.event(CallEvent::Keys(keys.clone().into()))),
                (None, None) => {}
            }
        }
    }
    let (asked, refused) = (asked.lock().expect("no panic"), refused.lock().expect("no panic"));
    assert!(asked.len() >= 45, "only {} actions: {asked:?}", asked.len());
    assert!(refused.is_empty(), "{refused:?}");
}
