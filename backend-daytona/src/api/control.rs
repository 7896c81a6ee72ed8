//! The calls of the control plane.

use std::collections::BTreeMap;

use reqwest::Method;
use serde_json::json;

use super::model::{Page, ToolboxUrl};
use super::{Api, ApiError, CreateSandbox, PreviewUrl, Repeat, Sandbox};

/// How many sandboxes a page of a list has.
const PAGE: &str = "200";
/// Pages that are read at most: a cursor that never ends is a fault of the service's.
const PAGES: usize = 100;

impl Api {
    /// `POST /sandbox`. Whether it was carried out can be found out by the name: it is never made again blindly.
    pub(crate) async fn create(&self, body: &CreateSandbox) -> Result<Sandbox, ApiError> {
        self.ask(Repeat::IfNothingWasDone, || self.control(Method::POST, "/sandbox").json(body)).await
    }

    /// `GET /sandbox/{id or name}`.
    pub(crate) async fn sandbox(&self, which: &str) -> Result<Sandbox, ApiError> {
        self.ask(Repeat::Freely, || self.control(Method::GET, &format!("/sandbox/{which}"))).await
    }

    /// `GET /sandbox`: those that have all these labels. The index of labels is stale at times: what matters is asked for by its id again.
    pub(crate) async fn list(&self, labels: &BTreeMap<String, String>) -> Result<Vec<Sandbox>, ApiError> {
        let labels = json!(labels).to_string();
        let mut found = Vec::new();
        let mut cursor: Option<String> = None;
        for _ in 0..PAGES {
            let page: Page = self
                .ask(Repeat::Freely, || {
                    let request = self.control(Method::GET, "/sandbox");
                    let request = request.query(&[("labels", labels.as_str()), ("limit", PAGE)]);
                    match &cursor {
                        Some(cursor) => request.query(&[("cursor", cursor)]),
                        None => request,
                    }
                })
                .await?;
            found.extend(page.items);
            cursor = page.next_cursor.filter(|cursor| !cursor.is_empty());
            if cursor.is_none() {
                break;
            }
        }
        Ok(found)
    }

    /// `POST /sandbox/{id}/start`.
    pub(crate) async fn start(&self, which: &str) -> Result<(), ApiError> {
        self.order(which, "start").await
    }

    /// `DELETE /sandbox/{id or name}`; that it is gone already is no error.
    pub(crate) async fn destroy(&self, which: &str) -> Result<(), ApiError> {
        let path = format!("/sandbox/{which}");
        match self.send(Repeat::Freely, || self.control(Method::DELETE, &path)).await {
            Err(error) if !error.is_gone() => Err(error),
            _ => Ok(()),
        }
    }

    /// `POST /sandbox/{id}/last-activity`: what runs in a sandbox does not count as use of it, and the service stops what is not used.
    pub(crate) async fn touch(&self, which: &str) -> Result<(), ApiError> {
        let path = format!("/sandbox/{which}/last-activity");
        let body = json!({ "activityType": "toolbox" });
        self.send(Repeat::Freely, || self.control(Method::POST, &path).json(&body)).await.map(drop)
    }

    /// `GET /sandbox/{id}/toolbox-proxy-url`, for services that do not tell it with the sandbox.
    pub(crate) async fn toolbox_url(&self, id: &str) -> Result<String, ApiError> {
        let path = format!("/sandbox/{id}/toolbox-proxy-url");
        let told: ToolboxUrl = self.ask(Repeat::Freely, || self.control(Method::GET, &path)).await?;
        Ok(told.url)
    }

    /// `GET /sandbox/{id}/ports/{port}/preview-url`.
    pub(crate) async fn preview_url(&self, id: &str, port: u16) -> Result<PreviewUrl, ApiError> {
        let path = format!("/sandbox/{id}/ports/{port}/preview-url");
        self.ask(Repeat::Freely, || self.control(Method::GET, &path)).await
    }

    fn control(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.request(method, self.base(), path)
    }

    /// An order that may be given twice.
    async fn order(&self, which: &str, what: &str) -> Result<(), ApiError> {
        let path = format!("/sandbox/{which}/{what}");
        self.send(Repeat::Freely, || self.control(Method::POST, &path)).await.map(drop)
    }
}
