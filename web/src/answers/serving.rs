//! From a request to its answer.

use hyper::body::Incoming;
use hyper::{Method, Request, StatusCode, header};
use web_http::reply::{self, Reply};
use web_http::{Answers, Effort, Prepared, RequestQuota, Visit};

use super::asked::Asked;
use super::refusals::{NoAnswer, refused};
use super::site::{Site, filled};
use crate::assets;
use crate::pages::manifest;
use crate::pages::offline::{OfflinePage, worker};
use crate::route::{Route, RouteError};

impl Answers for Site {
    async fn answer(&self, request: Request<Incoming>, visit: Visit, quota: &RequestQuota) -> Reply {
        let (head, body) = request.into_parts();
        let (term, stranger) = (self.access.term(), self.access.stranger());
        let asked = Asked::new(&head.uri, &head.headers, visit, stranger, quota, term);
        match head.method {
            Method::POST => self.take(asked, body).await,
            _ => self.get(asked).await,
        }
    }
}

impl Site {
    /// The answer to a request of an address; what is not finished waits for a turn of who asks.
    async fn get(&self, mut asked: Asked<'_>) -> Reply {
        let route = Route::parse(asked.path, asked.query);
        if route.as_ref().is_ok_and(Route::is_for_everybody) {
            let answer = async { self.route(route?, &asked).await };
            return answer.await.unwrap_or_else(|refusal| refused(&refusal, &asked));
        }
        if let Ok(Route::Invitation(token)) = &route {
            let answer = self.invitation_page(token, &asked).await;
            return self.finished(answer, &asked);
        }
        let answer = match self.access.visitor(asked.headers, &asked.visit).await {
            Ok(visitor) => {
                asked.visitor = visitor;
                self.permitted(route, &asked).await
            }
            Err(denied) => Err(denied.into()),
        };
        self.finished(answer, &asked)
    }

    /// The answer to those who may have it. A meter that a visitor may not see is answered
    /// before anybody looks whether it is there.
    async fn permitted(
        &self,
        route: Result<Route, RouteError>,
        asked: &Asked<'_>,
    ) -> Result<Reply, NoAnswer> {
        let route = route?;
        let visitor = &asked.visitor;
        let permitted = match route.meter() {
            Some(meter) => visitor.may_see(meter),
            None => visitor.may_see_some(),
        };
        if !permitted {
            return Err(NoAnswer::LoginNeeded);
        }
        if let Some(reply) = self.kept.reply(&asked.key(), asked.headers) {
            return Ok(reply);
        }
        let _turn = asked.quota.turn().await;
        if let Some(address) = self.address_now(&route, asked).await? {
            return Ok(reply::see_other(&asked.frame().plain(&address)));
        }
        // Somebody else may have asked for the same meanwhile.
        match self.kept.reply(&asked.key(), asked.headers) {
            Some(reply) => Ok(reply),
            None => self.route(route, asked).await,
        }
    }

    /// Where what is asked for is now, if its meter was renamed or merged into another.
    async fn address_now(&self, route: &Route, asked: &Asked<'_>) -> Result<Option<String>, NoAnswer> {
        let Some(meter) = route.meter().cloned() else { return Ok(None) };
        let before = format!("/{meter}");
        let Some(now) = self.ledger.ask(move |ledger| ledger.name_now(&meter)).await? else {
            return Ok(None);
        };
        if !asked.visitor.may_see(&now) {
            return Err(NoAnswer::LoginNeeded);
        }
        let address = asked.address.replacen(&before, &format!("/{now}"), 1);
        Ok((address != asked.address).then_some(address))
    }

    async fn route(&self, route: Route, asked: &Asked<'_>) -> Result<Reply, NoAnswer> {
        match route {
            Route::Settings(place) => self.settings_page(place, asked).await,
            // It was answered before anybody was asked for a name.
            Route::Invitation(_) => Err(RouteError::NotFound.into()),
            Route::Login if !asked.visitor.may_see_all() => Err(NoAnswer::LoginNeeded),
            // Somebody who goes there by hand has nothing to see.
            Route::Logout => Ok(reply::see_other(&asked.frame().link("/"))),
            Route::Login => Ok(reply::see_other(&asked.frame().link("/"))),
            Route::Start => match self.first_page(asked).await? {
                Some(first) => Ok(first),
                None => self.page(route, asked).await,
            },
            Route::Kiosk
            | Route::Status
            | Route::Meter(_)
            | Route::Period(_)
            | Route::Profile(_)
            | Route::BaseLoad(_)
            | Route::House(_)
            | Route::Bill(_) => self.page(route, asked).await,
            Route::Manifest => {
                let mut reply = reply::json(StatusCode::OK, &manifest::manifest(&asked.frame()));
                reply::set(&mut reply, header::CONTENT_TYPE, "application/manifest+json");
                Ok(reply)
            }
            Route::Offline => {
                let page = filled(&OfflinePage { frame: asked.frame() })?;
                Ok(Prepared::html(page).reply(asked.headers, reply::ASK_AGAIN))
            }
            Route::Worker => {
                let script =
                    Prepared::text("text/javascript; charset=utf-8", worker(&asked.frame()), Effort::Quick);
                Ok(script.reply(asked.headers, reply::ASK_AGAIN))
            }
            Route::Go(request) => self.go(request, asked).await,
            Route::GoHouse(request) => Ok(self.go_house(&request, asked)),
            Route::HouseData(request) => self.house_data(request, asked).await,
            Route::HouseRows(request) => self.house_rows(request, asked).await,
            Route::Picture(picture) => self.picture(picture, asked).await,
            Route::Meters => self.meters(asked).await,
            Route::Figures(meter) => self.state(meter, asked).await,
            Route::Readings(meter) => self.readings(meter, asked).await,
            Route::ReadingsData(meter) => self.readings_data(meter, asked).await,
            Route::CorrectionsPage(meter) => self.corrections_page(meter, asked).await,
            Route::Corrections(meter) => self.corrections(meter, asked).await,
            Route::Trust(meter) => self.trust(meter).await,
            Route::Energy(request) => self.energy(request, asked).await,
            Route::Statistics(request) => self.statistics(request).await,
            Route::Series(request) => self.series(request, asked).await,
            Route::Live(meter) => self.live(meter, asked).await,
            Route::Lives(meter) => self.lives(meter, asked).await,
            Route::Health => Ok(self.health().await),
            Route::Metrics => self.metrics(asked).await,
            Route::SpaceApi => self.spaceapi().await,
            Route::Asset(name) => {
                let version = asked.query.get("v");
                assets::reply(&name, version.as_deref(), asked.headers).ok_or(RouteError::NotFound.into())
            }
        }
    }
}
